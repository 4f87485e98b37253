"""Recording while viewing: video and tables in segments, for weeks, within the room that it is given.

    loop -> pictures -> encoder's thread -> samples -> writer's thread -> segments

The pictures are encoded once, as they come; a segment is a stretch of the encoded stream that begins at a key frame.
"""

from tracker.sinks.recorder.plan import RecordPlan
from tracker.sinks.recorder.recorder import Recorder

__all__ = ["RecordPlan", "Recorder"]
