"""How the commands are listed, and what is said where several sources were given to one that takes one."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any, NoReturn

import click

from tracker.suffixes import FILM_SUFFIXES

SECTIONS = {
    "Process a video": ("process", "compare", "export"),
    "Many videos": ("batch",),
    "Live": ("webcam", "cameras"),
    "Measure": ("evaluate", "doctor"),
    "Make": ("synth", "train"),
    "Research": ("paper",),
    "Shell": ("completion",),
}
"""the list of commands in `tracker --help`; one that stands in none comes last"""
OTHER = "Others"
SHELLS = ("bash", "zsh", "fish")
STEP = 2
"""columns by which a list is set in"""


class SectionedGroup(click.Group):
    """Commands in sections, each with its whole sentence."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a list a section."""
        listed = {name for names in SECTIONS.values() for name in names}
        others = tuple(name for name in self.list_commands(ctx) if name not in listed)
        width = max(map(len, self.commands))
        for title, names in {**SECTIONS, OTHER: others}.items():
            rows = [(f"{name:{width}}", first_sentence(self.commands[name])) for name in names if name in self.commands]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


def first_sentence(command: click.Command) -> str:
    """What a command does, in one sentence and in whole."""
    text = command.short_help or (command.help or "").split("\n\n")[0]
    return " ".join(text.split()).partition(". ")[0].rstrip(".")


class OneSource(click.Command):
    """A command with one SOURCE: several, which the shell made of a pattern, are answered with the call that was meant."""

    allow_extra_args = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse what is left over."""
        left = super().parse_args(ctx, args)
        if ctx.args and not ctx.resilient_parsing:
            sources = [ctx.params.get("source"), *ctx.args]
            _refuse(ctx, [each for each in sources if isinstance(each, str)])
        return left


def _refuse(ctx: click.Context, given: Sequence[str]) -> NoReturn:
    """Raise UsageError for several sources."""
    from tracker.sources.pictures import SUFFIXES  # help must be quick

    paths, call = [PurePath(each) for each in given], f"tracker {ctx.info_name}"
    forgotten = paths[-1].suffix.lower() == ".mp4" and "://" not in given[-1] and not os.path.exists(given[-1])
    if ctx.info_name == "process" and len(given) == 2 and os.path.exists(given[0]) and forgotten:
        named = f"{call} {shlex.quote(given[0])} -o {shlex.quote(given[1])}"
        ctx.fail(f"There is an extra argument: {given[1]!r}; for the name of what is written: {named}")
    pattern = str(paths[0].parent / f"*{paths[0].suffix}")
    if all(path.suffix.lower() in SUFFIXES for path in paths):
        ctx.fail(
            f"{len(given)} pictures are given, and one SOURCE is wanted; put the pattern in quotes: {call} '{pattern}'"
        )
    if all(path.suffix.lower() in FILM_SUFFIXES for path in paths):
        every = f"tracker batch '{pattern}' -o results"
        if ctx.info_name != "process":
            every = f'for clip in {pattern}; do {call} "$clip"; done'
        ctx.fail(f"{len(given)} videos are given, and one SOURCE is wanted; all of them: {every}")
    extra = f"{ctx.args[0]!r}" if len(ctx.args) == 1 else ", ".join(map(repr, ctx.args[:3]))
    ctx.fail(f"There {'is an extra argument' if len(ctx.args) == 1 else 'are extra arguments'}: {extra}")


def completion_script(cli: click.Command, shell: str) -> str:
    """What a shell reads to complete `tracker`."""
    from click.shell_completion import get_completion_class

    made: Any = get_completion_class(shell)
    assert made is not None, "SHELLS are those that click knows"
    return str(made(cli, {}, "tracker", "_TRACKER_COMPLETE").source())
