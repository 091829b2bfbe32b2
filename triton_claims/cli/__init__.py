"""The command line: what is claimed, what a run came to, and what a run needs beforehand.

Exit codes: 0; 1 where the answer is bad news; 2 where the input is wrong, which one line on stderr
tells; 130 after Ctrl-C. The checks themselves are run by pytest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from triton_claims.cli.commands import BAD_INPUT, BAD_NEWS, INTERRUPTED
from triton_claims.cli.parsing import command_parser
from triton_claims.cli.saying import complain
from triton_claims.errors import InputError, TritonClaimsError
from triton_claims.secrets import redact

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: The command line without the program's name; this process's by default.

    Returns:
        The exit code.
    """
    try:
        options = command_parser().parse_args(argv)
        code: int = options.command(options)
    except InputError as problem:
        complain(str(problem))
        return BAD_INPUT
    except (TritonClaimsError, OSError) as problem:
        complain(redact(str(problem)))
        return BAD_NEWS
    except KeyboardInterrupt:
        complain("ended by Ctrl-C")
        return INTERRUPTED
    except SystemExit as end:  # --help and --version
        return int(end.code or 0)
    return code
