"""A run that was killed goes on: what is saved of it, and where.

values.py     objects of a run to bytes and back; networks and files are named, not saved
store.py      the folder NAME.checkpoint: the state, whole or not there, and what belongs to it
stages.py     when a run saves, and what it goes on from
continued.py  the frames of a source from a later one on
"""

from tracker.checkpoint.continued import Continued, NextFrame
from tracker.checkpoint.stages import CheckpointedPass, Checkpoints
from tracker.checkpoint.store import CheckpointFolder

__all__ = ["CheckpointFolder", "CheckpointedPass", "Checkpoints", "Continued", "NextFrame"]
