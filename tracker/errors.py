"""What can go wrong, as one small tree.

    TrackerError              anything a user can act on; the command line prints it as one line, exit code 1
    ├── SourceError           a video, folder, camera or stream cannot be read
    │   ├── OptionError       an option that has no effect on this source; exit code 2
    │   └── SizeChangedError  its pictures have another size from now on
    ├── SinkError             a result cannot be written, or exists already
    │   └── LostError         what a killed run left is damaged or gone: nothing can go on from it
    ├── SettingsError         an unknown or impossible setting
    ├── WeightsError          a weights file that is missing, damaged or of another version
    ├── ShapeError            arrays that do not fit together
    ├── DivergedError         a number that stopped being finite, caught where it was born
    └── MissingExtraError     an optional library is absent; names the extra that brings it

A message says what came, where, what was expected and what to do: `clip.mp4: no such file; check the path`.
"""

from tracker.passwords import without_passwords


def plain_line(text: str) -> str:
    """The text as one line for a terminal: passwords left out, line ends and other control characters as escapes."""
    clean = without_passwords(text)
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in clean)


class TrackerError(Exception):
    """Root of every error that is the user's to mend. The message is one line, without the password of any address."""

    def __str__(self) -> str:
        return plain_line(super().__str__())


class SourceError(TrackerError):
    """A source cannot be opened or read."""


class OptionError(SourceError):
    """An option that has no effect on this source."""


class SizeChangedError(SourceError):
    """The pictures of a source have another size from now on."""


class SinkError(TrackerError):
    """A result cannot be written."""


class LostError(SinkError):
    """What a killed run had written is damaged or gone, so that no run can go on from it.

    what  is wrong with it
    """

    def __init__(self, path: object, what: str) -> None:
        super().__init__(f"{path}: {what}; begin anew with --overwrite and without --resume")


class SettingsError(TrackerError):
    """A setting is unknown, of the wrong kind or out of range."""


class WeightsError(TrackerError):
    """A weights file cannot be used."""


class ShapeError(TrackerError, ValueError):
    """An array has another shape than the one wanted; names the array, its shape and the wanted one."""


class DivergedError(TrackerError, ArithmeticError):
    """A loss or state is no longer finite; names the step and the term."""


class MissingExtraError(TrackerError):
    """An optional library is not installed; names the extra to install."""
