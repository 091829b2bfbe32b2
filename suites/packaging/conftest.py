"""What the checks of an image's contents share."""

from __future__ import annotations

import pytest

from triton_claims.errors import BrokenError, Undecided
from triton_claims.servers.image_versions import begins_with, is_vague, stated_versions


@pytest.fixture
def carries(image, claim, evidence):
    """Asserts that the image has the version of a component that the claim says."""

    def carries(component):
        image_carries(image, evidence, component, claim.value)

    return carries


def image_carries(image, evidence, component, version):
    """Asserts it; all places that tell a version must agree, as far as each goes."""
    stated = stated_versions(image, component)
    evidence.show(f"{component.name} in the image", "\n".join(map(str, stated)))
    told = "; ".join(map(str, stated))
    right = [each for each in stated if begins_with(each.version, version)]
    vague = [each for each in stated if is_vague(each.version, version)]
    if right and len(right) + len(vague) < len(stated):
        raise BrokenError(f"the image contradicts itself about {component.name}: {told}")
    if vague and len(vague) == len(stated):
        raise Undecided(
            f"no place tells {component.name} as precisely as {version}: {told}",
            needed="a place that tells the whole version",
        )
    assert right, f"the image carries another {component.name}: {told}"
