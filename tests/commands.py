"""The command line, called in this process."""

from click.testing import CliRunner

from tracker.cli import cli


def call(*arguments):
    """The command line in this process, without colours or a terminal."""
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def refused(*arguments, code=1):
    """The one line on stderr of a call that must fail with that exit code."""
    result = call(*arguments)
    lines = result.stderr.strip().splitlines()
    assert result.exit_code == code, result.output
    assert lines[-1].startswith("tracker: error: ")
    assert len(lines) == 1, lines
    assert "Traceback" not in result.output
    return lines[0].removeprefix("tracker: error: ")
