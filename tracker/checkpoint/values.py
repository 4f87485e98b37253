"""Objects of a run to bytes and back, shared ones once: a pickle that holds classes of this package, arrays and plain values alone.

What belongs to the process and not to the state (networks, files, callbacks) has a name in `known`, and is found under it again.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from types import FunctionType, MethodType
from typing import Any

from tracker.errors import SinkError
from tracker.types import Moment

Known = Mapping[str, object]
"""what is not saved, by name"""

PLAIN = {
    "array": {"array", "_array_reconstructor"},
    "builtins": {"set", "frozenset", "slice", "range", "complex", "bytearray"},
    "collections": {"deque", "Counter", "OrderedDict", "defaultdict"},
    "fractions": {"Fraction"},
    "numpy": {"ndarray", "dtype"},
    "numpy._core.multiarray": {"_reconstruct", "scalar"},
    "numpy._core.numeric": {"_frombuffer"},
    "numpy.core.multiarray": {"_reconstruct", "scalar"},
    "numpy.core.numeric": {"_frombuffer"},
    "pathlib": {"PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath"},
    "pathlib._local": {"PosixPath", "WindowsPath"},
}
"""what is read beside classes of this package, by module: nothing that does anything but hold values"""


def to_bytes(value: object, known: Known) -> bytes:
    """The value with all that hangs on it. Raises TypeError or PicklingError for what can be neither saved nor found again."""
    file = io.BytesIO()
    _Pickler(file, {id(each): name for name, each in known.items()}).dump(value)
    return file.getvalue()


def from_bytes(data: bytes, known: Known) -> Any:
    """What `to_bytes` was given. Raises SinkError for anything else."""
    try:
        return _Unpickler(data, known).load()
    except SinkError:
        raise
    except Exception as error:  # whatever damaged bytes lead to
        raise SinkError(f"checkpoint: cannot be read ({type(error).__name__}: {error})") from None


def named(name: str) -> object:
    """Stands in a pickle for what is found under that name; the reader has its own."""
    raise NotImplementedError(name)


def method(owner: object, name: str) -> MethodType:
    """A method of an object of this package."""
    found = getattr(type(owner), name, None)
    if not type(owner).__module__.startswith("tracker.") or not isinstance(found, FunctionType):
        raise pickle.UnpicklingError(f"{name}: not a method of an object of this package")
    return MethodType(found, owner)


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, names: Mapping[int, str]) -> None:
        super().__init__(file, protocol=5)
        self._names = names

    def reducer_override(self, obj: Any) -> Any:
        """Asked for every object that is no plain value."""
        name = self._names.get(id(obj))
        if name is not None:
            return named, (name,)
        if isinstance(obj, Moment):
            return named, (NOTHING,)  # a moment is remembered only to be known again, and does not come again
        if isinstance(obj, MethodType):
            return method, (obj.__self__, obj.__name__)
        return NotImplemented


NOTHING = ""


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, known: Known) -> None:
        super().__init__(io.BytesIO(data))
        self._known = {NOTHING: None, **known}

    def find_class(self, module: str, name: str) -> Any:
        """Refuses everything that is not listed in PLAIN or a class of this package."""
        if module == __name__ and name in ("named", "method"):
            return self._known.__getitem__ if name == "named" else method
        if name in PLAIN.get(module, ()):
            return super().find_class(module, name)
        found = super().find_class(module, name) if module.startswith("tracker.") else None
        # a class that a module of this package has from elsewhere is not one of it
        if not isinstance(found, type) or found.__module__ != module:
            raise pickle.UnpicklingError(f"{module}.{name}: not a value")
        return found
