"""Completion of our lines for three shells: a script each, filled with `Words`."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

from prunelab.cli.words import Flag, Words

_BASH = """# completion of prunelab for bash; made by: prunelab completion bash
_prunelab() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} flags= first=
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W {commands} -- "$cur")); return
    fi
    case "${{COMP_WORDS[1]}} $prev" in
{values}
    esac
    case "${{COMP_WORDS[1]}}" in
{flags}
    esac
    if [[ "$cur" == -* ]]; then
        COMPREPLY=($(compgen -W "$flags" -- "$cur"))
    elif [ -n "$first" ] && [ "$COMP_CWORD" -eq 2 ]; then
        COMPREPLY=($(compgen -W "$first" -- "$cur"))
    else
        COMPREPLY=($(compgen -f -- "$cur"))
    fi
}}
complete -o filenames -F _prunelab prunelab
"""

_ZSH = """#compdef prunelab
# completion of prunelab for zsh; made by: prunelab completion zsh
_prunelab() {{
    local -a commands
    commands=(
{commands}
    )
    if (( CURRENT == 2 )); then _describe sub-command commands; return; fi
    shift words; (( CURRENT-- ))
    case $words[1] in
{arguments}
    esac
}}
compdef _prunelab prunelab
"""


def bash(every: Sequence[Words]) -> str:
    """For ``eval "$(prunelab completion bash)"``."""
    values = [f"        {quote(f'{w.name} {name}')}) COMPREPLY=($(compgen -W {_joined(flag.values)} "
              '-- "$cur")); return;;' for w in every for flag in w.flags if flag.values for name in flag.names]
    flags = [f"        {w.name}) flags={_joined(w.names)} first={_joined(w.first)};;" for w in every]
    return _BASH.format(commands=_joined([*(w.name for w in every), "--help", "--version"]), values="\n".join(values),
                        flags="\n".join(flags))


def _joined(words: Sequence[str] | None) -> str:
    return quote(" ".join(words or ()))


def zsh(every: Sequence[Words]) -> str:
    """For ``eval "$(prunelab completion zsh)"`` after compinit."""
    arguments = []
    for w in every:
        told = [_zsh_flag(name, flag) for flag in w.flags for name in flag.names]
        told += [f"1:word:({' '.join(w.first)})"] if w.first else []
        arguments.append(f"        {w.name}) _arguments {' '.join(map(quote, [*told, '*:file:_files']))};;")
    commands = "\n".join(f"        {quote(f'{w.name}:{w.summary}')}" for w in every)
    return _ZSH.format(commands=commands, arguments="\n".join(arguments))


def _zsh_flag(name: str, flag: Flag) -> str:
    told = flag.help.replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")
    if flag.values is None:
        return f"{name}[{told}]"
    return f"{name}[{told}]:value:" + (f"({' '.join(flag.values)})" if flag.values else "_files")


def fish(every: Sequence[Words]) -> str:
    """For ``prunelab completion fish | source``."""
    lines = ["# completion of prunelab for fish; made by: prunelab completion fish"]
    for w in every:
        lines.append(f"complete -c prunelab -n __fish_use_subcommand -f -a {w.name} -d {_fish_text(w.summary)}")
        seen = f"complete -c prunelab -n '__fish_seen_subcommand_from {w.name}'"
        lines += [f"{seen} {_fish_flag(flag)} -d {_fish_text(flag.help)}" for flag in w.flags]
        lines += [f"{seen} -f -a {_fish_text(' '.join(w.first))}"] if w.first else []
    return "\n".join(lines) + "\n"


def _fish_flag(flag: Flag) -> str:
    names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in flag.names)
    if flag.values is None:
        return names
    return f"{names} -r -f -a {_fish_text(' '.join(flag.values))}" if flag.values else f"{names} -r"


def _fish_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SHELLS = {"bash": bash, "zsh": zsh, "fish": fish}
