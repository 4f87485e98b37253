"""Outputs for sinks that are tested alone, without a run that claims names."""

import os
from pathlib import Path

from tracker.sinks import Output
from tracker.sinks.outputs import part_name

RUN = "0123abcd"


def output(path) -> Output:
    """An output of a run of that name."""
    path = Path(path)
    return Output(path, path.with_name(part_name(path.name, RUN)))


class Alone:
    """A sink by itself; its output takes its name at the close, as `Results.commit` does for all of a run."""

    def __init__(self, make, path):
        self.output = output(path)
        self.path, self.part = self.output.path, self.output.part
        self.sink = make(self.output)

    def write(self, moment):
        self.sink.write(moment)

    def close(self, outcome):
        self.sink.close(outcome)
        if self.output.whole and self.part.exists():
            os.replace(self.part, self.path)
