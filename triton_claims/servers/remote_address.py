"""Where a server is that somebody else runs, and what its user declares of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from triton_claims.errors import InputError
from triton_claims.secrets import redact
from triton_claims.servers.needs import PLATFORMS, SYSTEMS

_HTTP_PORT, _GRPC_PORT, _METRICS_PORT = 8000, 8001, 8002
_FACTS = ("os", "platform", "grpc", "metrics")
_EXAMPLE = "url:http://host:8000#os=windows,grpc=host:8001,metrics=http://host:8002"


@dataclass(frozen=True, slots=True)
class RemoteAddress:
    """The services of a server, as ``HOST:PORT``, and what nobody can see from outside.

    Attributes:
        http: Its HTTP service.
        grpc: Its gRPC service.
        metrics: Its metrics service, which is plain HTTP; None where none is declared.
        http_tls, grpc_tls: Whether they are spoken to by TLS.
        os: The system it runs on, where it is declared.
        platform: What kind of machine that is, where it is declared: ``jetson``.
        user: User and password for both services; a secret.
    """

    http: str
    grpc: str
    metrics: str | None = None
    http_tls: bool = False
    grpc_tls: bool = False
    os: str | None = None
    platform: str | None = None
    user: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """The address of its HTTP service, without secrets."""
        return f"http{'s' * self.http_tls}://{self.http}"

    @property
    def guarded(self) -> bool:
        """Whether it takes TLS or a password to be let in."""
        return self.http_tls or self.grpc_tls or self.user is not None

    def __str__(self) -> str:
        """As the user would write it, without secrets; what is the default is left out."""
        facts = []
        for name, value in (("os", self.os), ("platform", self.platform)):
            facts += [f"{name}={value}"] if value else []
        if self.grpc_tls or self.grpc != f"{_host(self.http)}:{_GRPC_PORT}":
            facts.append(f"grpc={'grpcs://' * self.grpc_tls}{self.grpc}")
        if self.metrics:
            facts.append(f"metrics=http://{self.metrics}")
        return self.url + ("#" + ",".join(facts) if facts else "")


def parse_remote_address(text: str, *, where: str = "--target") -> RemoteAddress:
    """Reads ``http[s]://[USER:PASSWORD@]HOST[:PORT][#FACT=VALUE,...]``.

    The facts are ``os`` (linux, windows), ``platform`` (jetson), ``grpc`` (``HOST:PORT``, or
    ``grpcs://HOST:PORT``; by default port 8001 of the same host) and ``metrics``
    (``http://HOST:PORT``; by default none).

    Args:
        text: What stands behind ``url:``.
        where: Named in the error.

    Raises:
        InputError: It is none; a password in it is not told.
    """
    _refuse_bare_secrets(text, where)
    address, _, declared = text.partition("#")
    split = _split(address, ("http", "https"), text, where)
    if split.path.strip("/") or split.query:
        raise _wrong(f"{redact(address)!r} has a path: expected a host and a port alone", where)
    http = _authority(split, _HTTP_PORT, text, where)
    facts = _facts(declared, text, where)
    grpc_tls = split.scheme == "https"
    grpc = f"{_host(http)}:{_GRPC_PORT}"
    if "grpc" in facts:
        given = facts["grpc"] if "://" in facts["grpc"] else f"grpc://{facts['grpc']}"
        service = _split(given, ("grpc", "grpcs"), text, where)
        grpc, grpc_tls = _authority(service, _GRPC_PORT, text, where), service.scheme == "grpcs"
    metrics = None
    if "metrics" in facts:
        given = facts["metrics"].removesuffix("/").removesuffix("/metrics")
        given = given if "://" in given else f"http://{given}"
        metrics = _authority(_split(given, ("http",), text, where), _METRICS_PORT, text, where)
    return RemoteAddress(
        http=http,
        grpc=grpc,
        metrics=metrics,
        http_tls=split.scheme == "https",
        grpc_tls=grpc_tls,
        os=facts.get("os"),
        platform=facts.get("platform"),
        user=((unquote(split.username), unquote(split.password or "")) if split.username else None),
    )


def _refuse_bare_secrets(text: str, where: str) -> None:
    """A password that ends an address too early, in the eyes of whoever reads it, would be told."""
    if "@" not in text:
        return
    scheme, is_scheme, secrets = text.rpartition("@")[0].partition("://")
    if not is_scheme or set(scheme + secrets) & set("/?#@'\"\\") or len(secrets.split()) != 1:
        raise _wrong(
            "what stands before the @ cannot be read: expected USER:PASSWORD@ right behind ://, "
            "with each of the letters / ? # @ ' \" \\ and blanks in them percent-encoded",
            where,
        )


def _facts(declared: str, text: str, where: str) -> dict[str, str]:
    facts: dict[str, str] = {}
    for each in filter(None, declared.split(",")):
        name, equals, value = each.partition("=")
        if name not in _FACTS or not equals or not value or name in facts:
            raise _wrong(
                f"{redact(each)!r} in {redact(text)!r} is no fact of a server: expected each of "
                + ", ".join(f"{known}=" for known in _FACTS)
                + " once at most",
                where,
            )
        known = {"os": SYSTEMS, "platform": PLATFORMS}.get(name)
        if known and value not in known:
            raise _wrong(f"{name}={value!r} is unknown: expected {' or '.join(known)}", where)
        facts[name] = value
    return facts


def _split(address: str, schemes: tuple[str, ...], text: str, where: str) -> SplitResult:
    try:
        split = urlsplit(address)
        _ = split.port
    except ValueError as problem:
        raise _wrong(f"{redact(text)!r}: {redact(str(problem))}", where) from None
    if split.scheme not in schemes or not split.hostname:
        raise _wrong(
            f"{redact(address)!r} is no address: expected {schemes[0]}://HOST:PORT or "
            f"{schemes[-1]}://HOST:PORT",
            where,
        )
    return split


def _authority(split: SplitResult, port: int, text: str, where: str) -> str:
    host = split.hostname or ""
    if any(letter.isspace() or letter in "\\'\"" for letter in host) or not _is_name(host):
        raise _wrong(f"{redact(text)!r} names no host", where)
    port = port if split.port is None else split.port
    if port == 0:
        raise _wrong(f"{redact(text)!r} names port 0, which no server has", where)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_name(host: str) -> bool:
    try:
        return bool(host.encode("idna"))
    except UnicodeError:  # an empty or too long part
        return ":" in host


def _host(authority: str) -> str:
    return authority.rpartition(":")[0]


def _wrong(what: str, where: str) -> InputError:
    return InputError(f"{what}, such as {_EXAMPLE}", where=where)
