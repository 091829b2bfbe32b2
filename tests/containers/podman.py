"""Podman's Docker API, as good as on a machine of its own, gone without a trace afterwards."""

from __future__ import annotations

import json
import shutil

from containers.engines import CLEAR, Engine, NoEngineError, obstacle

#: Programs that are good as the first process of a container; it has another name at each maker's.
_INITS = ("/usr/libexec/podman/catatonit", "/usr/bin/catatonit", "docker-init", "tini")
_RUNTIMES = ("crun", "runc")
#: A network whose bookkeeping stays in the folder, for podman's older kind of networks.
_NETWORK = {
    "cniVersion": "0.4.0",
    "name": "podman",
    "plugins": [
        {
            "type": "bridge",
            "bridge": "podman0",
            "isGateway": True,
            "ipam": {
                "type": "host-local",
                "dataDir": "FOLDER/addresses",
                "ranges": [[{"subnet": "10.88.0.0/16"}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        },
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ],
}


def obstacle_to_podman():
    """Why no podman can be started here, or None."""
    if not shutil.which("podman"):
        return "podman is not installed"
    return obstacle()


class Podman(Engine):
    """A service of podman's, to be started by :meth:`serve`.

    Attributes:
        changed: Whether it was started otherwise than by default.
    """

    program = "podman"

    def __init__(self):
        self.changed = False
        super().__init__(machine=True)
        self._usual = f"unix://{self.folder}/docker.sock"
        (self.folder / "networks").mkdir()
        network = json.dumps(_NETWORK).replace("FOLDER", str(self.folder))
        (self.folder / "networks" / "podman.conflist").write_text(network, encoding="utf-8")
        clear = [*self._podman(), "rm", "--all", "--force", "--time", "0"]
        (self.folder / CLEAR).write_text(json.dumps(clear), encoding="utf-8")

    def serve(self, *, elsewhere=False, with_init=True):
        """Starts it, anew if it runs.

        Args:
            elsewhere: Whether it listens on its machine's address, and not on a socket here.
            with_init: Whether it finds a program for the first process of containers.
        """
        if self.runs:
            self.kill()
        self.changed = elsewhere or not with_init
        self._settings(with_init=with_init)
        (self.folder / "docker.sock").unlink(missing_ok=True)
        self.url = f"tcp://{self.machine.address}:2375" if elsewhere else self._usual
        self.socket = self.url
        self.start()

    def _settings(self, *, with_init):
        inits = [each for each in _INITS if shutil.which(each)] if with_init else ["/nowhere/init"]
        runtimes = [each for each in _RUNTIMES if shutil.which(each)]
        if not inits or not runtimes:
            raise NoEngineError(f"neither {' nor '.join(_RUNTIMES if inits else _INITS)} is here")
        # Its default may be more than this machine grants.
        (self.folder / "containers.conf").write_text(
            f"""
            [containers]
            default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
            [engine]
            cgroup_manager = "cgroupfs"
            events_logger = "file"
            init_path = "{shutil.which(inits[0]) or inits[0]}"
            lock_type = "file"
            runtime = "{runtimes[0]}"
            [network]
            network_config_dir = "{self.folder}/networks"
            """,
            encoding="utf-8",
        )

    def _environment(self):
        return {**super()._environment(), "CONTAINERS_CONF": str(self.folder / "containers.conf")}

    def _command(self):
        return [*self._podman(), "system", "service", "--time=0", self.url]

    def _podman(self):
        places = [f"--{name}={self.folder}/{name}" for name in ("root", "runroot", "tmpdir")]
        settings = f"CONTAINERS_CONF={self.folder}/containers.conf"
        entered = ["nsenter", f"--net=/run/netns/{self.name}"]
        return [*entered, "env", settings, "podman", *places]
