"""Completion of commands, options and choices for bash, zsh and fish, made from the parser."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from musc2.cli.parser import build_parser

SHELLS = ("bash", "zsh", "fish")


def script(shell: str) -> str:
    """Return the script that a shell sources."""
    commands = dict(_commands(build_parser(), ()))
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](commands)


Commands = dict[tuple[str, ...], argparse.ArgumentParser]


def _commands(
    parser: argparse.ArgumentParser, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    """Yield each parser with the words that lead to it, () for the top."""
    yield path, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, nested in action.choices.items():
                yield from _commands(nested, (*path, name))


def _words(parser: argparse.ArgumentParser) -> list[str]:
    """Return the words that may follow: commands below, options and the choices of positionals."""
    words: list[str] = []
    for action in parser._actions:
        words += action.option_strings
        if not action.option_strings and action.choices is not None:
            words += map(str, action.choices)
    return words


def _choices(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    """Yield "--option|-o" and its choices, for options that have some."""
    for action in parser._actions:
        if action.option_strings and action.choices is not None:
            yield "|".join(action.option_strings), " ".join(map(str, action.choices))


def _bash(commands: Commands) -> str:
    cases = []
    for path, parser in commands.items():
        for options, choices in _choices(parser):
            pattern = "|".join(f'"{" ".join(path)} {option}"' for option in options.split("|"))
            cases.append(f"    {pattern}) words='{choices}' ;;")
    branches = []
    for path, parser in commands.items():
        branches.append(f"    \"{' '.join(path)}\") words='{' '.join(_words(parser))}' ;;")
    prefixes = " ".join(f'"{" ".join(path)}"' for path in commands if path)
    return f"""_musc2() {{
  local word path='' words=''
  local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD - 1]}}"
  local prefixes=({prefixes})
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD - 1}}"; do
    local longer="${{path:+$path }}$word"
    [[ " ${{prefixes[*]/#/|}}| " == *"|$longer"[\\|\\ ]* ]] && path="$longer"
  done
  case "$path $previous" in
{chr(10).join(cases)}
    *) case "$path" in
{chr(10).join(branches)}
    esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _musc2 musc2
"""


def _zsh(commands: Commands) -> str:
    return "autoload -U +X bashcompinit && bashcompinit\n" + _bash(commands)


def _fish(commands: Commands) -> str:
    lines = []
    for path, parser in commands.items():
        seen = "".join(f"; and __fish_seen_subcommand_from {word}" for word in path)
        condition = seen.removeprefix("; and ") or "__fish_use_subcommand"
        for action in parser._actions:
            text = (action.help or "").replace("\\", "\\\\").replace("'", "\\'")
            if isinstance(action, argparse._SubParsersAction):
                names = " ".join(action.choices)
                lines.append(f"complete -c musc2 -n '{condition}' -f -a '{names}'")
            for option in action.option_strings:
                flag = f"-l {option[2:]}" if option.startswith("--") else f"-s {option[1:]}"
                line = f"complete -c musc2 -n '{condition}' {flag} -d '{text}'"
                if action.choices is not None:
                    line += f" -xa '{' '.join(map(str, action.choices))}'"
                lines.append(line)
    return "\n".join(lines) + "\n"
