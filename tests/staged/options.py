"""The command line of a staged server."""

from __future__ import annotations

from dataclasses import dataclass, field

KNOWN = {
    "help": "Print usage",
    "id": "Identifier for this server.",
    "exit-timeout-secs": "Timeout (in seconds) when exiting to wait for in-flight inferences.",
    "model-store": "Equivalent to --model-repository.",
    "model-repository": "Path to model repository directory.",
    "disable-auto-complete-config": "Model configuration files must be complete.",
    "model-control-mode": '"none", "poll" or "explicit".',
    "load-model": "Name of the model to be loaded on server startup.",
    "allow-http": "Allow the server to listen for HTTP requests.",
    "http-address": "The address for the HTTP server to bind to.",
    "http-port": "The port for the server to listen on for HTTP requests.",
    "allow-grpc": "Allow the server to listen for gRPC requests.",
    "grpc-address": "The address for the gRPC server to bind to.",
    "grpc-port": "The port for the server to listen on for gRPC requests.",
    "allow-metrics": "Allow the server to provide metrics.",
    "metrics-address": "The address for the metrics server to bind to.",
    "metrics-port": "The port reporting metrics.",
    "backend-directory": "The global directory searched for backend shared libraries.",
    "backend-config": "A backend-specific setting: <name>,<setting>=<value>.",
}


@dataclass(frozen=True, slots=True)
class Options:
    """What a command line says: every option with its values, in order."""

    values: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def parse(cls, arguments: list[str]) -> Options:
        """Reads ``--name=value``, ``--name value`` and ``--name``.

        Options that nobody knows are kept and have no effect.
        """
        values: dict[str, list[str]] = {}
        name = ""
        for argument in arguments:
            if argument.startswith("--"):
                name, given, value = argument[2:].partition("=")
                values.setdefault(name, [])
                if given:
                    values[name].append(value)
            else:
                values.setdefault(name, []).append(argument)
        return cls(values)

    def __contains__(self, name: str) -> bool:
        """Whether the option was given at all."""
        return name in self.values

    def all(self, name: str) -> list[str]:
        """Every value of an option that may be repeated."""
        return self.values.get(name, [])

    def last(self, name: str, default: str) -> str:
        """The value of an option; the last one wins."""
        return (self.all(name) or [default])[-1]

    def shared_memory_prefix(self) -> str | None:
        """The prefix of the Python backend's shared-memory files, where one was given."""
        for setting in self.all("backend-config"):
            key, _, value = setting.partition("=")
            if key == "python,shm-region-prefix-name":
                return value
        return None


def usage() -> str:
    """What ``--help`` prints."""
    lines = ["Usage: tritonserver [options]"]
    lines += [f"  --{name}\n\t{text}" for name, text in KNOWN.items()]
    return "\n".join(lines) + "\n"
