"""A server that somebody else runs: it is talked to, and not started, stopped or looked into."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from triton_claims.errors import Blocked, BrokenError
from triton_claims.servers.model_copies import DIGEST, config_as_json, stamp
from triton_claims.servers.running import METRICS, STOP_TIMEOUT, RunningServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    import psutil

    from triton_claims.servers.allocators import Allocator
    from triton_claims.servers.image_contents import ImageContents
    from triton_claims.servers.remote_address import RemoteAddress
    from triton_claims.servers.scratch import Scratch

#: The option by which models are loaded and unloaded on demand alone.
EXPLICIT = "--model-control-mode=explicit"
#: Options that change how soon a server of ours is ready, and not what it does: a model that is
#: configured in full has nothing to be completed.
_CHANGES_NOTHING = frozenset({"--disable-auto-complete-config"})
#: Seconds that a model may take to be loaded, and to be gone.
_LOAD_TIMEOUT = 60.0
_UNLOAD_TIMEOUT = 15.0
_POLL_INTERVAL = 0.1
#: What the server says of loading and unloading when it is not in that mode.
_NOT_EXPLICIT = "explicit model load / unload is not allowed"
#: A name that no model has: asked for, to see whether the server would load any.
_NO_MODEL = "triton-claims-no-such-model"
_OWN = (
    "run the check on a server of its own: where the server is, by --target install:DIR, or on "
    "its release's image"
)


class RemoteServer(RunningServer):
    """A server of somebody else's, with the models that a check needs.

    Args:
        address: Where it is.
        name: Ours for it.
        run: The id of the run.
        folder: Its folder here, with the models that it is to have.
        servers: What it comes from; told when the check is done with its models.
        loaded: The models that were loaded into it for the check.
    """

    def __init__(
        self,
        address: RemoteAddress,
        *,
        name: str,
        run: str,
        folder: Path,
        servers: RemoteServers,
        loaded: tuple[str, ...] = (),
    ) -> None:
        super().__init__(
            name, run, folder, http=address.http, grpc=address.grpc, metrics=address.metrics
        )
        self.address = address
        self._servers = servers
        self._loaded = loaded
        self._secrets = secrets_of(address)

    @property
    def is_ours(self) -> bool:
        """Never: somebody else runs it."""
        return False

    @property
    def guarded(self) -> bool:
        """Whether it takes TLS or a password to be let in."""
        return self.address.guarded

    def tls(self, protocol: str) -> bool:
        """Whether a protocol is spoken by TLS."""
        return self.address.grpc_tls if protocol == "grpc" else self.address.http_tls

    @property
    def user(self) -> tuple[str, str] | None:
        """User and password; secrets."""
        return self.address.user

    @property
    def pid(self) -> int:
        """Not to be seen from here."""
        self._refuse("its processes cannot be seen from here")

    @property
    def shares_files(self) -> bool:
        """It sees nothing of this machine's."""
        return False

    @property
    def log_path(self) -> Path:
        """Not to be seen from here."""
        self._refuse("its log cannot be seen from here")

    @property
    def command_line(self) -> str:
        """Nobody here started it."""
        return f"somebody else runs it: {self.address.url}"

    def how_it_ended(self, timeout: float = 0.0) -> str | None:
        """That it does not answer any more; more cannot be told from here."""
        deadline = time.perf_counter() + timeout
        while True:
            try:
                self.get("/v2/health/live")
            except (OSError, http.client.HTTPException) as problem:
                why = str(problem) or "no answer"
                return f"does not answer any more at {self.address.url} ({why})"
            if time.perf_counter() >= deadline:
                return None
            time.sleep(min(_POLL_INTERVAL, timeout))

    def terminate(self, timeout: float = STOP_TIMEOUT) -> int:  # noqa: ARG002 - as the others
        """Not ours to do."""
        self._refuse("it cannot be stopped from here")

    def kill(self) -> int:
        """Leaves it as it is: it is not ours to end."""
        return 0

    def remove_traces(self) -> None:
        """Unloads what was loaded into it for the check, and removes the folder here."""
        loaded, self._loaded = self._loaded, ()
        self._servers.unload(loaded)
        self.remove_folder()

    def process_of(self, told: int) -> psutil.Process:  # noqa: ARG002 - as the others
        """Not to be seen from here."""
        self._refuse("its processes cannot be seen from here")

    def place(self, path: str, content: bytes = b"") -> None:  # noqa: ARG002 - as the others
        """Not to be done from here."""
        self._refuse("no file can be put beside its models from here")

    def run_inside(self, command: Sequence[str]) -> tuple[int, str]:  # noqa: ARG002 - as the others
        """Not to be done from here."""
        self._refuse("nothing can be run beside it")

    def log_tail(self, lines: int = 0) -> str:  # noqa: ARG002 - as the others
        """Where its log is, for messages."""
        return f"[with whoever runs {self.address.url}]"

    def _exchange(
        self,
        address: str,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout: float,
    ) -> tuple[int, bytes]:
        """With TLS and password where its HTTP service takes them; its metrics take none."""
        if address != self.http:
            return super()._exchange(address, method, path, body, headers, timeout=timeout)
        return exchange(self.address, method, path, body, headers, timeout=timeout)

    def _refuse(self, what: str) -> NoReturn:
        raise Blocked(f"somebody else runs the server {self.address.url}: {what}", unblock=_OWN)


class RemoteServers:
    """What stands for a server of somebody else's where servers are started.

    Args:
        address: Where it is.

    Raises:
        Blocked: It is away, or lets us not in.
    """

    def __init__(self, address: RemoteAddress) -> None:
        self.address = address
        self._uses: Counter[str] = Counter()
        metadata_of(address)

    @property
    def origin(self) -> str:
        """Its address."""
        return self.address.url

    @property
    def digest(self) -> str:
        """Nothing identifies it but its address."""
        return ""

    @property
    def stated_version(self) -> str | None:
        """Nothing is written beside it."""
        return None

    @property
    def model_python(self) -> str:
        """Its own."""
        return "the server's own"

    @property
    def backend_folder(self) -> str:
        """Not to be seen from here."""
        self._refuse("its files cannot be seen from here")

    def start(
        self,
        *,
        name: str,
        scratch: Scratch,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        gpus: Sequence[str],
        loopback: bool,
        timeout: float,  # noqa: ARG002 - it runs already
    ) -> RunningServer:
        """Starts nothing: sees to it that the server has the check's models.

        It has them where somebody copied them into its repository; else they are loaded where it
        loads on demand, and unloaded afterwards.

        Raises:
            Blocked: It is away, has other options, or has not the models and does not take them.
        """
        metadata = metadata_of(self.address)
        self._refuse_options(arguments)
        if environment or gpus or loopback:
            self._refuse("its environment cannot be chosen")
        folder = scratch.folder / name
        if EXPLICIT in arguments and any((folder / "models").iterdir()):
            self._refuse("the check loads and unloads models of its repository itself")
        loaded: list[str] = []
        try:
            refusals = dict(self._bring(folder / "models", loaded))
        except BaseException:  # one that is not answered may load all the same
            self.unload(loaded)
            raise
        if refusals:
            self.unload(loaded)
            raise Blocked(
                f"{self.address.url} does not serve {', '.join(refusals)} of these models ("
                + "; ".join(f"{name}: {why}" for name, why in refusals.items())
                + ")",
                unblock="write the models out: pytest suites --export-models DIR; and copy them "
                "into its model repository, or start it with --model-control-mode=explicit",
            )
        server = RemoteServer(
            self.address,
            name=name,
            run=scratch.run,
            folder=folder,
            servers=self,
            loaded=tuple(loaded),
        )
        server.metadata = metadata
        return server

    def _bring(self, models: Path, loaded: list[str]) -> Iterator[tuple[str, str]]:
        """Loads what is not there; gives the models that are refused, and why.

        Args:
            models: The folder of all of them.
            loaded: Gets the names of those that were loaded here, each counted as in use.
        """
        for model in sorted(path for path in models.iterdir() if path.is_dir()):
            digest = stamp(model)
            served = self._served_digest(model.name)
            if served is not None:
                if served != digest:
                    yield model.name, "a model of that name is there, and it is another"
                elif self._uses[model.name]:
                    self._use(model.name, loaded)
            elif digest is None:
                yield model.name, "it has no configuration to be told by"
            else:
                self._use(model.name, loaded)
                if refusal := self._load(model):
                    loaded.remove(model.name)
                    del self._uses[model.name]
                    yield model.name, refusal

    def _use(self, model: str, loaded: list[str]) -> None:
        self._uses[model] += 1
        loaded.append(model)

    def options(self, scratch: Scratch) -> frozenset[str]:  # noqa: ARG002 - as the others
        """Not to be seen from here."""
        self._refuse("its options cannot be asked for")

    def contents(self) -> AbstractContextManager[ImageContents]:
        """Not to be seen from here."""
        self._refuse("its files cannot be seen from here")

    def allocator(self, allocator: Allocator) -> str:  # noqa: ARG002 - as the others
        """Not to be chosen from here."""
        self._refuse("its memory allocator cannot be chosen")

    def refuse_own(self) -> NoReturn:
        """Says that there is no server for one check alone.

        Raises:
            Blocked: Always.
        """
        self._refuse("the check needs a server of its own, to start and to stop")

    def unload(self, models: Sequence[str]) -> None:
        """Unloads models that were loaded here, once nobody needs them any more."""
        for model in models:
            self._uses[model] -= 1
            if self._uses[model] <= 0:
                del self._uses[model]
                with suppress(BrokenError):  # gone with its server
                    was_ready = self._is_ready()
                    self._post(f"{model}/unload", {})
                    self._wait_until_ready(was_ready)

    def _is_ready(self) -> bool:
        return self._ask("GET", "/v2/health/ready")[0] == http.client.OK

    def _wait_until_ready(self, was_ready: bool) -> None:  # noqa: FBT001 - what is waited for
        """A server that unloads a model is not ready meanwhile, and would seem harmed."""
        deadline = time.perf_counter() + _UNLOAD_TIMEOUT
        while was_ready and not self._is_ready() and time.perf_counter() < deadline:
            time.sleep(_POLL_INTERVAL)

    def _refuse_options(self, arguments: Sequence[str]) -> None:
        for option in arguments:
            if option == METRICS:
                if self.address.metrics is None:
                    raise Blocked(
                        f"nobody says where {self.address.url} serves its metrics",
                        unblock=f"declare it: --target 'url:{self.address.url}"
                        "#metrics=http://HOST:8002'",
                    )
            elif option in _CHANGES_NOTHING:
                continue
            elif option == EXPLICIT:
                if not self._loads_on_demand():
                    raise Blocked(
                        f"{self.address.url} does not load models on demand",
                        unblock=f"start it with {EXPLICIT}",
                    )
            else:
                self._refuse(f"the check needs it started with {option}")

    def _loads_on_demand(self) -> bool:
        status, words = self._asked(f"{_NO_MODEL}/load", {})
        # In that mode it has looked for the model, and not found it.
        return (
            status >= http.client.BAD_REQUEST and _NO_MODEL in words and _NOT_EXPLICIT not in words
        )

    def _served_digest(self, model: str) -> str | None:
        """What a served model's configuration says of its files; None where it is not served."""
        status, body = self._ask("GET", f"/v2/models/{model}/config")
        if status != http.client.OK:
            return None
        try:
            parameters = json.loads(body).get("parameters", {})
            return str(parameters.get(DIGEST, {}).get("string_value", ""))
        except (ValueError, AttributeError):
            raise BrokenError(
                f"{self.address.url} answers no JSON for the configuration of {model}"
            ) from None

    def _load(self, model: Path) -> str | None:
        """Loads a model with all its files; what the server says where it does not."""
        files = {
            f"file:{path.relative_to(model).as_posix()}": base64.b64encode(
                path.read_bytes()
            ).decode("ascii")
            for path in sorted(model.rglob("*"))
            # The configuration goes by its own parameter.
            if path.is_file() and path.relative_to(model).as_posix() != "config.pbtxt"
        }
        parameters = {"config": config_as_json(model), **files}
        status, words = self._asked(f"{model.name}/load", {"parameters": parameters})
        if status == http.client.OK:
            return None
        # The server is not ready as long as it knows of a model that did not load.
        self._post(f"{model.name}/unload", {})
        return f"status {status}: {words}"

    def _asked(self, path: str, body: Mapping[str, Any]) -> tuple[int, str]:
        status, answer = self._post(path, body)
        try:
            return status, str(json.loads(answer)["error"])
        except (ValueError, KeyError, TypeError):
            return status, answer.decode(errors="replace")

    def _post(self, path: str, body: Mapping[str, Any]) -> tuple[int, bytes]:
        return self._ask("POST", f"/v2/repository/models/{path}", json.dumps(body).encode())

    def _ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        try:
            return exchange(self.address, method, path, body, timeout=_LOAD_TIMEOUT)
        except (OSError, http.client.HTTPException) as problem:
            raise BrokenError(
                f"{self.address.url} does not answer {method} {path}: {str(problem) or 'no answer'}"
            ) from None

    def _refuse(self, what: str) -> NoReturn:
        raise Blocked(f"somebody else runs the server {self.address.url}: {what}", unblock=_OWN)


def metadata_of(address: RemoteAddress) -> dict[str, Any]:
    """What GET /v2 answers.

    Raises:
        Blocked: It is away, lets us not in, or is no Triton.
    """
    try:
        status, body = exchange(address, "GET", "/v2")
    except ssl.SSLCertVerificationError as problem:
        raise Blocked(
            f"the certificate of {address.url} is not trusted: {problem.verify_message}",
            unblock="name a file of the certificate that vouches for it by SSL_CERT_FILE, and by "
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH for gRPC",
        ) from None
    except (OSError, http.client.HTTPException) as problem:
        raise Blocked(
            f"no server answers at {address.url}: {str(problem) or 'no answer'}",
            unblock="start it, and let it be reached from here",
        ) from None
    if status in {http.client.UNAUTHORIZED, http.client.FORBIDDEN}:
        raise Blocked(
            f"{address.url} does not let us in: status {status}",
            unblock="name user and password: --target url:https://USER:PASSWORD@HOST:PORT",
        )
    try:
        metadata = json.loads(body)
        if status == http.client.OK and isinstance(metadata["version"], str):
            return dict(metadata)
    except (ValueError, KeyError, TypeError):
        pass
    raise Blocked(
        f"what answers at {address.url} is no Triton: GET /v2 gives status {status} and no version",
        unblock="name the address of its HTTP service",
    )


def exchange(
    address: RemoteAddress,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    timeout: float = 5.0,
) -> tuple[int, bytes]:
    """One request to the HTTP service, and the status and body of its answer.

    Raises:
        OSError: No connection, or no answer in time.
        http.client.HTTPException: No HTTP.
    """
    connection = (
        http.client.HTTPSConnection(
            address.http, timeout=timeout, context=ssl.create_default_context()
        )
        if address.http_tls
        else http.client.HTTPConnection(address.http, timeout=timeout)
    )
    every = dict(headers or {})
    if address.user is not None:
        every["Authorization"] = f"Basic {_basic(address.user)}"
    try:
        connection.request(method, path, body, every)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def secrets_of(address: RemoteAddress) -> tuple[str, ...]:
    """What must be told to nobody: the password, plain and as it is sent."""
    if address.user is None:
        return ()
    return tuple(filter(None, (_basic(address.user), ":".join(address.user), address.user[1])))


def _basic(user: tuple[str, str]) -> str:
    return base64.b64encode(":".join(user).encode()).decode("ascii")
