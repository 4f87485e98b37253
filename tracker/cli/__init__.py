"""The command line.

group.py     the group of all commands, their errors and exit codes; sections.py lists them
shared.py    options that several commands have
carry.py     from options to settings, to a job, to closing words
run.py       process, compare
live.py      webcam, cameras
many.py      batch
measure.py   evaluate, export, doctor
networks.py  synth, train, paper
shell.py     completion
"""

from tracker.cli import live, many, measure, networks, run, shell
from tracker.cli.group import Commands, cli, note, say

__all__ = ["Commands", "cli", "live", "many", "measure", "networks", "note", "run", "say", "shell"]
