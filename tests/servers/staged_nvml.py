"""NVIDIA's bindings of NVML on a machine with GPUs, or with a driver that misbehaves."""

from __future__ import annotations

from types import SimpleNamespace


class StagedNvml:
    """As much of pynvml as is used. A GPU is a dictionary; an exception in it is raised."""

    NVML_ERROR_LIBRARY_NOT_FOUND = 12
    NVML_ERROR_DRIVER_NOT_LOADED = 9

    class NVMLError(Exception):
        def __init__(self, value, words="it broke"):
            super().__init__(words)
            self.value = value

    def __init__(self, gpus=(), *, fails=None, count_fails=None):
        self.gpus = gpus
        self.fails = fails
        self.count_fails = count_fails
        self.open = 0

    def nvmlInit(self):  # noqa: N802 - the library's name
        if self.fails:
            raise self.fails
        self.open += 1

    def nvmlShutdown(self):  # noqa: N802
        self.open -= 1

    def nvmlSystemGetDriverVersion(self):  # noqa: N802
        return "570.86"

    def nvmlDeviceGetCount(self):  # noqa: N802
        if self.count_fails:
            raise self.count_fails
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802
        if isinstance(self.gpus[index], Exception):
            raise self.gpus[index]
        return self.gpus[index]

    def nvmlDeviceGetMaxMigDeviceCount(self, handle):  # noqa: N802
        return 7 if "parts" in handle else 0

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle, place):  # noqa: N802
        try:
            return handle["parts"][place]
        except KeyError:
            raise self.NVMLError(6, "Not Found") from None

    def nvmlDeviceGetMigMode(self, handle):  # noqa: N802
        return [handle["mig"], handle["mig"]] if "mig" in handle else self._unsupported()

    def nvmlDeviceGetMemoryInfo(self, handle):  # noqa: N802
        if "memory" not in handle:
            return self._unsupported()
        return SimpleNamespace(total=handle["memory"])

    def nvmlDeviceGetUUID(self, handle):  # noqa: N802
        return handle["uuid"]

    def nvmlDeviceGetName(self, handle):  # noqa: N802
        return handle["name"]

    def nvmlDeviceGetCudaComputeCapability(self, handle):  # noqa: N802
        return handle["capability"]

    def _unsupported(self):
        raise self.NVMLError(3, "Not Supported")
