"""Where a release can be had."""

from __future__ import annotations

import pytest

from triton_claims.errors import Blocked
from triton_claims.servers.registry import published_digest, published_tag


@pytest.mark.claim("release-published")
def test_image_and_source_can_be_had(server, knowledge, evidence):
    """The release's image can be pulled from its registry, and its source is a tagged revision in
    the public repository.
    """
    images = knowledge.images
    container = knowledge.releases.container_of(server.version)
    if container is None:
        raise Blocked(
            f"no release is known whose server is {server.version}",
            unblock="a server of a release that releases/ has a file of",
        )
    if images is None or images.source_repository is None:
        raise Blocked(
            "releases/images.toml names no registry and source_repository",
            unblock="name them there",
        )
    reference = images.reference(container)
    with evidence.step("ask the registry for the image, and the repository for the tag"):
        digest = published_digest(reference)
        revision = published_tag(images.source_repository, f"v{server.version}")
    evidence.show("published", f"image {reference}: {digest}\ntag v{server.version}: {revision}")

    assert digest, f"the registry has no image {reference}"
    assert revision, f"the repository has no tag v{server.version}"
