"""`tracker`, and `python -m tracker`. Imports nothing before Ctrl+C is answered in one line."""

import sys


def main() -> None:
    """The entry point of the `tracker` command."""
    try:
        import signal

        from tracker.cli import cli

        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")  # a file name may hold what a terminal cannot show
        try:
            cli(prog_name="tracker")
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the work is done: nothing is left to interrupt but the exit
    except KeyboardInterrupt:
        print("tracker: interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
