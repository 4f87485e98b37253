"""`tracker completion`."""

from __future__ import annotations

import click

from tracker.cli.group import cli, say
from tracker.cli.sections import SHELLS, completion_script


@cli.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print what makes a shell complete commands, options and files.

    \b
    bash   tracker completion bash > ~/.local/share/bash-completion/completions/tracker
    zsh    tracker completion zsh > ~/.zfunc/_tracker      (a folder of $fpath)
    fish   tracker completion fish > ~/.config/fish/completions/tracker.fish
    """
    say(completion_script(cli, shell), only=True)
