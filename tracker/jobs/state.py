"""A live run goes on where the one before it ended: its scene is known at once, and no identity is given twice."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np

from tracker.errors import SinkError
from tracker.jobs.state_file import DamagedError, SavedState, read_state, write_state
from tracker.lanes import Lane
from tracker.resize import size_at
from tracker.settings import RunSettings
from tracker.sinks import check_writable
from tracker.sources.address import shown
from tracker.types import Image, Moment, Outcome, Source, SourceInfo, Working

SAVE_EVERY_S = 60.0
PICTURE_EVERY_S = 6.0
"""between two pictures that are kept of the scene: with PICTURES they span what the mixture remembers, 50 s"""
PICTURES = 8
FEWEST_PICTURES = 4
"""from which a scene is learned"""
MOST_AGE_S = 3600.0
"""of a picture: after an hour the sun is elsewhere, and learning anew takes two seconds"""
UNCLEAN_SKIP = 10_000
"""identities left out after a run that did not end in good order: more than are given in SAVE_EVERY_S"""
JPEG = (cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
"""colours at full size: the mixture compares them pixel by pixel"""
GROWN_PX = 5
"""side of the square by which objects are widened before they are painted over: their rims are no scene"""


@runtime_checkable
class KnowsScene(Protocol):
    """A segmenter that can say what its scene looks like without objects."""

    def empty_scene(self) -> Image | None: ...


class Kept(Protocol):
    """Something else that goes on over a restart, such as counters of zones; values are plain, as JSON has them."""

    def saved(self) -> Any: ...

    def restore(self, value: Any) -> None:
        """Go on from what `saved` gave; ValueError, KeyError or TypeError if it does not fit."""
        ...


class StateKeeper:
    """Reads the state of the run before, and writes that of this one every minute and at its end: a Prescan and a Sink.

    path     the file
    address  the source's, as it was given
    width    of the pictures that lanes and scenes are prepared with
    parts    others that go on, by name
    notify   told in one line what became of the file

    Kept are pictures of the scene, with objects painted over, and the highest identity of each lane. The mixture cannot be read from
    OpenCV: it is learned from the pictures, as by a prescan. Not kept are objects: whoever is there gets a new identity.

    Raises SinkError if the file is none of this program's.
    """

    def __init__(
        self,
        path: Path,
        *,
        address: str,
        settings: RunSettings,
        info: SourceInfo,
        lanes: Sequence[Lane],
        width: Working,
        notify: Callable[[str], None],
        parts: Mapping[str, Kept] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path, self._lanes, self._width = path, lanes, width
        self._notify, self._parts, self._clock = notify, parts or {}, clock
        self._camera, self._settings = camera_digest(address), settings_digest(settings)
        self._size = info.size
        self._pictures: deque[tuple[float, bytes]] = deque(maxlen=PICTURES)
        self._scene: int | None = 0
        self._looked_s = clock()
        self._saved_s = -float("inf")  # with the first picture the file says that a run goes on
        self._writer: threading.Thread | None = None
        self._failed = False
        # whom the pictures are cleared of objects by: lane slots keeps what stands still out of its scene
        known = [lane for lane in lanes if isinstance(lane.segmenter, KnowsScene)]
        self._lane = next((lane for lane in known if lane.linker is None), known[0] if known else None)
        self._take_up(self._read())

    @property
    def knows_scene(self) -> bool:
        """Whether the lanes can be prepared, so that nothing needs to warm up."""
        return len(self._pictures) >= FEWEST_PICTURES

    def pictures(self, source: Source) -> list[Image]:
        """The scene as the run before left it, for lanes and scenes to learn; [] if it is not known."""
        if not self.knows_scene:
            return []
        return [_decoded(data) for _, data in self._pictures]

    def ground(self, images: list[Image]) -> list[Image]:
        """The pictures as they are: objects were painted over before they were kept."""
        return images

    def write(self, moment: Moment) -> None:
        """Look at the scene now and then, and save the state every minute. Between two frames: no lane is at work."""
        now = self._clock()
        if abs(now - self._looked_s) >= PICTURE_EVERY_S:  # clocks are set back
            self._looked_s = now
            self._look(moment, now)
        if abs(now - self._saved_s) >= SAVE_EVERY_S and (self._writer is None or not self._writer.is_alive()):
            self._saved_s = now
            self._writer = threading.Thread(target=self._save, args=(self._state(now, clean=False),), name="state")
            self._writer.start()

    def close(self, outcome: Outcome) -> None:
        """Save the state as it is at the end."""
        if self._writer is not None:
            self._writer.join()
        self._save(self._state(self._clock(), clean=True))

    def forget(self) -> None:
        """What is kept of the scene is wrong: it is learned anew."""
        self._pictures.clear()

    def _read(self) -> SavedState | None:
        try:
            state = read_state(self._path)
        except DamagedError as error:
            self._tell(f"cannot be used ({error}); everything begins anew")
            return None
        except OSError as error:
            self._tell(f"cannot be read ({error.strerror}); everything begins anew")
            return None
        if state is not None and state.camera != self._camera:
            self._tell("is of another camera; everything begins anew")
            return None
        return state

    def _take_up(self, state: SavedState | None) -> None:
        if state is None:
            return
        for lane in self._lanes:
            before = state.identities.get(lane.name, 0)
            lane.identities.go_on_from(before if state.clean else before + UNCLEAN_SKIP)
        for name, part in self._parts.items():
            try:
                if name in state.parts:
                    part.restore(state.parts[name])
            except (ValueError, KeyError, TypeError):
                self._tell(f"its {name} do not fit; they begin anew")
        counted = ", ".join(f"{lane.name} {lane.identities.highest + 1}" for lane in self._lanes)
        problem = self._problem(state)
        if problem is None:
            self._pictures.extend(self._recent(state))
            self._tell(f"the scene is known, saved {_ago(self._age_s(state))} ago; identities go on from {counted}")
        else:
            self._tell(f"the scene is learned anew ({problem}); identities go on from {counted}")

    def _problem(self, state: SavedState) -> str | None:
        """Why the pictures of a state cannot be used."""
        if state.size != self._size:
            return "its pictures were {}x{}, now they are {}x{}".format(*state.size, *self._size)
        if state.settings != self._settings:
            return "the settings of the lanes have changed"
        if len(state.pictures) < FEWEST_PICTURES:
            return "the run before had not learned it"
        if len(self._recent(state)) < FEWEST_PICTURES:
            return f"it was saved {_ago(self._age_s(state))} ago"
        height, width = _decoded(state.pictures[0]).shape[:2]
        if (width, height) != size_at(self._size, self._width):
            return "its pictures have another width"
        return None

    def _recent(self, state: SavedState) -> list[tuple[float, bytes]]:
        """The pictures that are not too old, each with its time."""
        now = self._clock()
        each = zip(state.pictures_s, state.pictures, strict=True)
        return [(at, picture) for at, picture in each if abs(now - at) <= MOST_AGE_S]

    def _age_s(self, state: SavedState) -> float:
        return self._clock() - state.saved_s

    def _look(self, moment: Moment, now: float) -> None:
        """Keep a picture of the scene, without the objects in it."""
        scene = moment.frame.scene
        empty = self._lane.segmenter.empty_scene() if self._lane else None  # type: ignore[attr-defined]
        if self._lane is None or empty is None or scene is None:
            return
        if scene != self._scene:
            self._scene = scene
            self._pictures.clear()
        segmentation = moment.view(self._lane.name).segmentation
        image = moment.frame.picture.at(self._width)
        size = (image.shape[1], image.shape[0])
        objects = cv2.dilate((segmentation.foreground).astype(np.uint8), np.ones((GROWN_PX, GROWN_PX), np.uint8))
        objects = cv2.resize(objects, size, interpolation=cv2.INTER_NEAREST)
        clear = np.where(objects[..., None] > 0, cv2.resize(empty, size, interpolation=cv2.INTER_LINEAR), image)
        self._pictures.append((now, _encoded(clear)))

    def _state(self, now: float, *, clean: bool) -> SavedState:
        times, pictures = zip(*self._pictures, strict=True) if self._pictures else ((), ())
        return SavedState(
            camera=self._camera,
            size=self._size,
            settings=self._settings,
            saved_s=now,
            clean=clean,
            identities={lane.name: lane.identities.highest for lane in self._lanes},
            parts={name: part.saved() for name, part in self._parts.items()},
            pictures_s=times,
            pictures=pictures,
        )

    def _save(self, state: SavedState) -> None:
        try:
            write_state(self._path, state)
        except OSError as error:
            if not self._failed:
                self._tell(f"cannot be written ({error.strerror}); trying again every {SAVE_EVERY_S:g} s")
            self._failed = True
        else:
            self._failed = False

    def _tell(self, text: str) -> None:
        self._notify(f"tracker: state {self._path}: {text}")


def check_state(path: Path) -> None:
    """Raise SinkError for a place where no state can be written, or a file that is none and so must not be replaced."""
    if not path.absolute().parent.is_dir():
        raise SinkError(f"{path}: there is no folder {path.absolute().parent}; make it first")
    check_writable(path)
    with suppress(DamagedError, OSError):
        read_state(path)


def camera_digest(address: str) -> str:
    """Of an address without user and password. Of a query, which may hold one, only enough to tell two channels apart."""
    query = address.partition("?")[2]
    return _digest(shown(address)) + _digest(query)[:4]


def settings_digest(settings: RunSettings) -> str:
    """Of what the scene depends on."""
    return _digest(
        settings.model_dump_json(include={"lanes", "variants", "gmm", "slots", "foreground", "blobs", "rigid"})
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _ago(seconds: float) -> str:
    """A span of time for people."""
    if seconds < 90:
        return f"{max(0.0, seconds):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.0f} h"


def _encoded(image: Image) -> bytes:
    done, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), JPEG)
    assert done
    return data.tobytes()


def _decoded(data: bytes) -> Image:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None, "the digest of the file has said that it is as it was written"
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
