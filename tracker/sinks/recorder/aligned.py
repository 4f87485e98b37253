"""Pictures and sound put together: every picture with the sound from its time to that of the next."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import av

from tracker.sinks.recorder.samples import Sample
from tracker.sinks.sound import SoundSample, SoundTrack
from tracker.sound import Sound, SoundFormat

HOLD_S = 1.0
"""a picture waits so long for sound that comes after it: files have up to that much of one before the other"""


class Aligner:
    """Takes samples as they are encoded, gives them with their sound, as soon as that is complete. Without sound: at once.

    A sound that stops holds nothing up for longer than HOLD_S. Where a sound of another format begins, its track begins with the
    next key frame, so that a segment has one track at most.
    """

    def __init__(self) -> None:
        self._held: deque[Sample] = deque()
        self._track: SoundTrack | None = None
        self._sounds: deque[SoundSample] = deque()
        self._head: Any = None
        """of the track that goes with the samples given at present"""
        self.problem: str | None = None
        """why there is no sound, as soon as that is known"""
        self._since_s = -float("inf")
        """since when there is the track"""

    def take(self, sample: Sample) -> Iterator[Sample]:
        """The samples that are complete with this one."""
        self._hear(sample)
        self._held.append(sample)
        while len(self._held) > 1 and self._is_complete(self._held[1].time_s):
            yield self._next(self._held[1].time_s)
        if not self._sounding:
            yield from self.rest()

    def rest(self) -> Iterator[Sample]:
        """All that are held, with the sound that there is."""
        while self._held:
            yield self._next(self._held[1].time_s if len(self._held) > 1 else float("inf"))

    def finish(self) -> Iterator[Sample]:
        """All that are held, with the sound to its end."""
        if self._track is not None:
            self._sounds += self._track.finish()
        yield from self.rest()

    def _hear(self, sample: Sample) -> None:
        sound = sample.shot.sound
        if sound is None:
            return
        self.problem = self.problem or sound.problem
        if sound.format is None or self.problem is not None:
            return
        try:
            self._follow(sound, sound.format, sample)
        except (av.FFmpegError, ValueError) as error:
            self.problem = f"it cannot be written ({error})"

    def _follow(self, sound: Sound, sound_format: SoundFormat, sample: Sample) -> None:
        if self._track is None or self._track.format != sound_format:
            self._track, self._since_s = SoundTrack(sound_format), sample.time_s
            self._sounds.clear()
        self._sounds += self._track.take(sound, sample.time_s)

    @property
    def _sounding(self) -> bool:
        """Whether sound came with the pictures lately."""
        return bool(self._held) and self._heard_s > self._held[-1].time_s - HOLD_S

    @property
    def _heard_s(self) -> float:
        """Up to where there is sound."""
        return self._since_s if self._track is None else max(self._since_s, self._track.end_s)

    def _is_complete(self, until_s: float) -> bool:
        return self._heard_s >= until_s or self._held[-1].time_s - until_s >= HOLD_S

    def _next(self, until_s: float) -> Sample:
        """The first that is held, with the sound from its time to `until_s`."""
        sample = self._held.popleft()
        if sample.key:
            self._head = None if self._track is None else self._track.head
        while self._sounds and self._sounds[0].time_s < sample.time_s:
            self._sounds.popleft()
        sounds = []
        while self._sounds and self._sounds[0].time_s < until_s:
            sounds.append(self._sounds.popleft())
        current = self._track is not None and self._head is self._track.head
        return replace(sample, sounds=tuple(sounds) if current else (), sound_head=self._head)
