"""Whether a release is published: its image in a registry, its source as a tag."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import requests
from docker.utils import parse_repository_tag

from triton_claims.errors import Blocked, BrokenError
from triton_claims.secrets import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIMEOUT = 20.0
#: What a tag may stand for: a list of images, or one image.
_KINDS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_FOUND, _NOT_FOUND = 200, 404
_REFUSED = {401, 403}


def published_digest(reference: str, *, scheme: str = "https") -> str | None:
    """The digest of an image in its registry; None where the registry knows no such image.

    Only the manifest is asked for, as anybody may: nothing is pulled.

    Args:
        reference: ``registry/repository:tag``.
        scheme: ``http`` for a registry without TLS.

    Raises:
        Blocked: The registry cannot be reached, or wants a login.
        BrokenError: It answers otherwise than a registry does.
    """
    registry, _, rest = reference.partition("/")
    repository, tag = parse_repository_tag(rest)
    url = f"{scheme}://{registry}/v2/{repository}/manifests/{tag or 'latest'}"
    accepted = {"Accept": ", ".join(_KINDS)}
    answer = _get(url, accepted)
    if answer.status_code in _REFUSED:
        token = _token(answer, repository)
        answer = _get(url, {**accepted, "Authorization": f"Bearer {token}"})
    if answer.status_code == _NOT_FOUND:
        return None
    if answer.status_code in _REFUSED:
        raise Blocked(
            f"the registry wants a login for {reference}", unblock="an image that anybody may pull"
        )
    if answer.status_code != _FOUND:
        raise BrokenError(f"the registry answers {answer.status_code} for {reference}")
    digest = answer.headers.get("Docker-Content-Digest", "")
    if not digest.startswith("sha256:"):
        raise BrokenError(f"the registry gives no digest of {reference}")
    return digest


def published_tag(repository: str, tag: str) -> str | None:
    """The revision that a tag of a git repository names; None where there is no such tag.

    Args:
        repository: The repository's address, by http or https.
        tag: The tag.

    Raises:
        Blocked: The repository cannot be reached.
        BrokenError: It answers otherwise than git's servers do.
    """
    answer = _get(f"{repository}/info/refs?service=git-upload-pack", {})
    if answer.status_code != _FOUND or "git-upload-pack" not in answer.text:
        raise BrokenError(f"{repository} answers {answer.status_code} and no list of tags")
    # A tag with a message of its own stands there twice: the second one is the revision.
    found = re.findall(
        rf"([0-9a-f]{{40}}) refs/tags/{re.escape(tag)}(?:\^\{{\}})?$", answer.text, re.MULTILINE
    )
    return found[-1] if found else None


def _token(refused: requests.Response, repository: str) -> str:
    challenge = dict(_CHALLENGE.findall(refused.headers.get("WWW-Authenticate", "")))
    if "realm" not in challenge:
        raise BrokenError(f"the registry refuses {repository} and does not say who gives a token")
    asked = {"service": challenge.get("service", ""), "scope": f"repository:{repository}:pull"}
    answer = _get(challenge["realm"], {}, asked)
    try:
        told = answer.json()
        token: str = told.get("token") or told["access_token"]
    except (ValueError, KeyError, AttributeError):
        raise Blocked(
            f"nobody gives a token for {repository} without a login",
            unblock="an image that anybody may pull",
        ) from None
    return token


def _get(
    url: str, headers: Mapping[str, str], parameters: Mapping[str, str] | None = None
) -> requests.Response:
    try:
        return requests.get(url, params=parameters, headers=dict(headers), timeout=_TIMEOUT)
    except requests.RequestException as problem:
        raise Blocked(
            f"{redact(url)} cannot be reached: {redact(str(problem))}",
            unblock="a machine with access to the internet",
        ) from None
