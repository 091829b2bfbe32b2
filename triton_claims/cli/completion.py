"""The command that writes completions for shells, from the tree of commands itself."""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING

from triton_claims.cli.saying import say_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    from triton_claims.cli.commands import AddCommand

#: What stands for claims' ids; the shell asks for them when they are needed.
_IDS = "triton-claims completion ids 2>/dev/null"
_BASH = """\
_triton_claims() {
    local current=${COMP_WORDS[COMP_CWORD]} path='' word words=''
    local -a before=("${COMP_WORDS[@]:1:COMP_CWORD-1}")
    for word in "${before[@]}"; do
        case "$path $word" in
%(paths)s
        esac
    done
    case $path in
%(words)s
    esac
    case $path in
        %(with_ids)s) [[ $current == -* ]] || words+=" $(%(ids)s)" ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _triton_claims triton-claims"""
#: zsh runs completions of bash.
_ZSH = """\
autoload -U +X compinit && compinit
autoload -U +X bashcompinit && bashcompinit
"""
#: The commands that take ids.
_WITH_IDS = ("show", "list", "history")


def add_commands(command: AddCommand) -> None:
    """Adds ``completion``."""
    completion = command("completion", _completion, "writes completions for a shell")
    completion.add_argument(
        "shell",
        choices=["bash", "zsh", "fish", "ids"],
        help="for bash and zsh: source <(triton-claims completion bash); for fish: "
        "triton-claims completion fish | source; ids: the claims' ids, as these ask for them",
    )


def _completion(options: argparse.Namespace) -> int:
    from triton_claims.cli.commands import knowledge_here  # noqa: PLC0415 - the ids alone need it
    from triton_claims.cli.parsing import command_parser  # noqa: PLC0415 - it imports this module

    if options.shell == "ids":
        say_all(knowledge_here().catalogue)
        return 0
    tree = dict(_tree(command_parser()))
    say_all((_fish(tree) if options.shell == "fish" else _bash(tree, options.shell)).splitlines())
    return 0


def _tree(parser: argparse.ArgumentParser, path: str = "") -> Iterator[tuple[str, list[str]]]:
    """What may follow each path of commands: options and, where there are some, commands."""
    words: list[str] = []
    deeper: list[tuple[str, argparse.ArgumentParser]] = []
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to ask for them
        words.extend(action.option_strings)
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - see above
            deeper.extend(action.choices.items())
            words.extend(action.choices)
        elif action.choices and not action.option_strings:
            words.extend(map(str, action.choices))
    yield path, words
    for name, below in deeper:
        yield from _tree(below, f"{path} {name}".strip())


def _bash(tree: dict[str, list[str]], shell: str) -> str:
    paths = [f"{shlex.quote(_at(path))}) path={shlex.quote(path)} ;;" for path in tree if path]
    words = [
        f"{shlex.quote(path)}) words={shlex.quote(' '.join(each))} ;;"
        for path, each in tree.items()
    ]
    script = _BASH % {
        "paths": "\n".join(f"            {line}" for line in paths),
        "words": "\n".join(f"        {line}" for line in words),
        "with_ids": "|".join(_WITH_IDS),
        "ids": _IDS,
    }
    return _ZSH + script if shell == "zsh" else script


def _at(path: str) -> str:
    """The path so far and the word that leads on, as the script puts them side by side."""
    before, _, word = path.rpartition(" ")
    return f"{before} {word}"


def _fish(tree: dict[str, list[str]]) -> str:
    lines = ["complete -c triton-claims -e"]
    for path, words in tree.items():
        condition = "__fish_use_subcommand" if not path else _fish_condition(path, tree)
        told = " ".join(words) + (f" ({_IDS})" if path in _WITH_IDS else "")
        lines.append(f"complete -c triton-claims -n {shlex.quote(condition)} -a {_quoted(told)}")
    return "\n".join(lines)


def _fish_condition(path: str, tree: dict[str, list[str]]) -> str:
    seen = "; and ".join(f"__fish_seen_subcommand_from {word}" for word in path.split())
    below = [each.rpartition(" ")[2] for each in tree if each.startswith(f"{path} ")]
    return seen + (f"; and not __fish_seen_subcommand_from {' '.join(below)}" if below else "")


def _quoted(text: str) -> str:
    """In double quotes, in which fish runs no command until the completion is asked for."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$") + '"'
