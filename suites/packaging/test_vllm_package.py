"""What the vLLM of an image says of itself, and what is said of that version."""

from __future__ import annotations

import re

import pytest

from triton_claims.errors import BrokenError
from triton_claims.servers.image_components import VLLM
from triton_claims.servers.image_versions import python_folders, stated_versions

#: The first version that the advisory GHSA-w2r7-9579-27hf (CVE-2024-8768) does not name.
NOT_AFFECTED_FROM = (0, 5, 5)
#: Where the attribute is set: by what builds the package, or by hand.
FILES = ("vllm/_version.py", "vllm/version.py")
ATTRIBUTE = re.compile(r"""^__version__\s*=\s*(?:version\s*=\s*)?["']([^"']+)["']""", re.MULTILINE)


@pytest.mark.claim("vllm-version-attribute")
@pytest.mark.needs(image="vllm-python-py3")
def test_the_attribute_tells_another_version(image, claim, evidence):
    """The attribute __version__ of the vLLM in the image is 0.6.3, unlike the version of its
    distribution.
    """
    distribution = the_distribution(image)
    place, attribute = version_attribute(image)
    evidence.show("vLLM in the image", f"{distribution} by pip; {attribute} by {place}")

    assert attribute == claim.value, f"the attribute is {attribute}, by {place}"
    assert attribute != distribution, f"the distribution has the same version, {distribution}"


@pytest.mark.claim("vllm-advisory-w2r7")
@pytest.mark.needs(image="vllm-python-py3")
def test_the_advisory_does_not_name_its_version(image, evidence):
    """The vLLM in the image is of a version that the advisory GHSA-w2r7-9579-27hf does not name as
    affected.
    """
    assert not is_affected(image, evidence), "the advisory names it as affected"


@pytest.mark.claim("vllm-advisory-w2r7-affected")
@pytest.mark.needs(image="vllm-python-py3")
def test_the_advisory_names_its_version(image, evidence):
    """The vLLM in the image is of a version that the advisory GHSA-w2r7-9579-27hf names as
    affected.
    """
    assert is_affected(image, evidence), "the advisory does not name it"


def is_affected(image, evidence):
    """Whether the advisory names the version of the vLLM in the image."""
    version = the_distribution(image)
    numbers = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    if numbers is None:
        raise BrokenError(f"found vLLM {version!r}, expected a version such as 0.5.5")
    evidence.show("vLLM in the image", version)
    return tuple(map(int, numbers.groups())) < NOT_AFFECTED_FROM


def the_distribution(image):
    """The version of the one vLLM that pip has a record of."""
    stated = stated_versions(image, VLLM)
    if len({each.version for each in stated}) > 1:
        raise BrokenError(f"found several vLLM in the image: {'; '.join(map(str, stated))}")
    return stated[0].version


def version_attribute(image):
    """The place and the value of vllm.__version__, read and not run: an import wants a GPU."""
    for folder in python_folders(image):
        for file in FILES:
            path = f"{folder}/{file}"
            match = ATTRIBUTE.search((image.read(path) or b"").decode(errors="replace"))
            if match:
                return path, match[1]
    raise BrokenError(f"no {' or '.join(FILES)} in the image sets __version__")
