"""`tracker`, and `python -m tracker`. Imports nothing before Ctrl+C is answered in one line."""

import atexit
import contextlib
import gc
import os
import sys

SIGNALS = 128
"""exit codes of signals are this and the signal's number"""
YOUNG = 50_000
"""objects after which Python looks for cycles among the new ones: after its usual 700, imports take a tenth longer"""


def open_standard_streams() -> None:
    """Give what was closed (`2>&-`) to the null device: else the next file that is opened takes its place and all that is said."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if number == 0 else "w", encoding="utf-8"))  # noqa: SIM115


def main() -> None:
    """The entry point of the `tracker` command."""
    code = 0

    def leave() -> None:
        """End with the code of a signal. Python ends by SIGINT instead if what was interrupted was an `eval`, as imports call it."""
        gc.freeze()  # else all that there is would be looked through once more, for a tenth of a second
        if code > SIGNALS:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()
            os._exit(code)

    gc.set_threshold(YOUNG)
    atexit.register(leave)  # before all others, which makes it the last to be called
    try:
        open_standard_streams()
        import signal

        from tracker.children import ENDING
        from tracker.cli import cli

        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")  # a file name may hold what a terminal cannot show
        try:
            cli(prog_name="tracker")
        finally:
            for number in ENDING:
                signal.signal(number, signal.SIG_IGN)  # the work is done: nothing is left to interrupt but the exit
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
        raise
    except KeyboardInterrupt:
        print("tracker: interrupted", file=sys.stderr)
        code = SIGNALS + 2
        sys.exit(code)
    except OSError as error:  # where no command is there to tell it: the help does not fit on stdout
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is still buffered must not fail again at the exit
        print(f"tracker: error: stdout cannot be written ({error.strerror})", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
