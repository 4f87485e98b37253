"""The group of all commands: their errors are one line and an exit code; what goes to stdout and stderr."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from functools import partial
from typing import Any, NoReturn

import click

from tracker import __version__
from tracker.cli.sections import SectionedGroup
from tracker.errors import OptionError, SinkError, TrackerError
from tracker.interrupt import Interrupts
from tracker.passwords import without_passwords
from tracker.words import one_line

EXIT_ERROR, EXIT_USAGE = 1, 2
HELP = {"-h", "--help"}
EXIT_SIGNAL = 128
"""plus the signal's number: 130 after Ctrl+C"""
note = partial(click.echo, err=True)
"""To stderr: results go to stdout or files."""


def say(text: object, *, only: bool = False) -> None:
    """To stdout. A stdout that is closed or full is no error: it comes after the work, whose results are in files.

    only  the text is nowhere else: then it is one. A reader that has gone (`| head`) is none. Raises SinkError
    """
    if sys.stdout is None:
        return
    try:
        click.echo(text)
        sys.stdout.flush()
    except OSError as error:
        with contextlib.suppress(OSError, ValueError):  # what is still buffered must not fail again at the exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if only and not isinstance(error, BrokenPipeError):
            raise SinkError(f"stdout cannot be written ({error.strerror}); send it elsewhere") from None


class Commands(SectionedGroup):
    """Commands whose errors are one line and an exit code; a traceback only with -v."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with Interrupts() as interrupts:
            try:
                returned = super().invoke(ctx)
                if interrupts.asked:  # too late to change anything, but a loop of commands is to end
                    raise KeyboardInterrupt
                return returned
            except click.UsageError as error:
                text = without_passwords(error.format_message()).replace("Got unexpected extra", "There is an extra")
                raise click.UsageError(text, error.ctx) from None
            except (click.ClickException, click.exceptions.Exit):
                raise
            except KeyboardInterrupt:
                _end_interrupted(ctx, interrupts)
            except Exception as error:
                if isinstance(error, OSError) and HELP & set(sys.argv):
                    raise  # the help does not fit on stdout
                if ctx.meta.get("tracker.debug"):
                    note(without_passwords(traceback.format_exc()))
                if interrupts.asked and not isinstance(error, (TrackerError, OSError)):
                    # a library that was interrupted while it was imported makes it an error of its own: pydantic does
                    _end_interrupted(ctx, interrupts)
                note(f"tracker: error: {one_line(error)}")
                ctx.exit(EXIT_USAGE if isinstance(error, OptionError) else EXIT_ERROR)


def _end_interrupted(ctx: click.Context, interrupts: Interrupts) -> NoReturn:
    note("tracker: interrupted")
    ctx.exit(EXIT_SIGNAL + (interrupts.came or signal.SIGINT))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="tracker")
def cli() -> None:
    """Label-free tracking for static cameras: who moved where, by two methods side by side.

    Lane gmm is background subtraction with a Kalman tracker; lane slots is RNN-EM, a recurrent network that shares the
    pixels out among objects. Start with `tracker process clip.mp4`.
    """
