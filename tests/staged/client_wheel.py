"""Wheels that pip takes for the client library's."""

from __future__ import annotations

import zipfile
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def make_client_wheel(folder: Path, version: str, platform: str, program: bytes = b"") -> Path:
    """Makes a wheel of nothing but one program.

    Args:
        folder: Where to; made here if need be.
        version: The client's version.
        platform: The platform tag.
        program: The content of its ``perf_analyzer``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    about = f"tritonclient-{version}.dist-info"
    files = {
        f"tritonclient-{version}.data/data/bin/perf_analyzer": program,
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: tritonclient\nVersion: {version}\n",
        f"{about}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-{platform}\n",
    }
    record = f"{about}/RECORD,,\n"
    path = folder / f"tritonclient-{version}-py3-none-{platform}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            archive.writestr(name, data)
            digest = urlsafe_b64encode(sha256(data).digest()).decode().rstrip("=")
            record += f"{name},sha256={digest},{len(data)}\n"
        archive.writestr(f"{about}/RECORD", record)
    return path
