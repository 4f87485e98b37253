"""The libraries of the extra `web`."""

from importlib.util import find_spec

from tracker.errors import MissingExtraError


def check_extra() -> None:
    """Raise MissingExtraError where the libraries are missing that serve the page."""
    missing = [name for name in ("starlette", "uvicorn") if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"the page is served with {' and '.join(missing)}; install them: pip install 'rnnem-tracker[web]'"
        )
