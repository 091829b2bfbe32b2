"""Tiny TorchScript models, written without PyTorch: source code and an empty module in an archive.

What ``torch.jit.load`` reads is a zip archive: the module's source as TorchScript spells it, and a
pickle that makes the one object of its class. Modules without parameters need no more.
"""

from __future__ import annotations

import io
import zipfile

_NAME = "model"
_CLASS = "__torch__.Tiny"
_CODE = """\
class Tiny(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  _is_full_backward_hook : Optional[bool]
  def forward(self: __torch__.Tiny,
{arguments}) -> {result}:
{body}
"""
#: An object of the class with its two attributes: what a pickle of protocol 2 says of it.
_MODULE = (
    b"\x80\x02c__torch__\nTiny\nq\x00)\x81}(X\x08\x00\x00\x00trainingq\x01\x89"
    b"X\x16\x00\x00\x00_is_full_backward_hookq\x02Nub."
)
_NO_CONSTANTS = b"\x80\x02)."
#: Of the archive's layout; all versions of the last years read it.
_VERSION = b"3\n"


def add_sub() -> bytes:
    """A model of two tensors: it gives their sum and their difference."""
    return _archive(
        ("a: Tensor", "b: Tensor"),
        "Tuple[Tensor, Tensor]",
        "  return (torch.add(a, b), torch.sub(a, b))",
    )


def widening_sum() -> bytes:
    """A model of two INT8 tensors: it gives their sum as INT32."""
    return _archive(
        ("a: Tensor", "b: Tensor"),
        "Tensor",
        # What tracing writes for a.to(torch.int32): the number of the datatype, not its name.
        "  wide = torch.to(a, 3)\n  other = torch.to(b, 3)\n  return torch.add(wide, other)",
    )


def _archive(arguments: tuple[str, ...], result: str, body: str) -> bytes:
    code = _CODE.format(
        arguments=",\n".join(f"    {each}" for each in arguments),
        result=result,
        body="\n".join(f"  {line}" for line in body.splitlines()),
    )
    files = {
        "data.pkl": _MODULE,
        "code/__torch__.py": code.encode(),
        "constants.pkl": _NO_CONSTANTS,
        "version": _VERSION,
    }
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as content:
        for name, data in files.items():
            # One date for all, so that equal models are equal bytes.
            content.writestr(zipfile.ZipInfo(f"{_NAME}/{name}", (1980, 1, 1, 0, 0, 0)), data)
    return archive.getvalue()
