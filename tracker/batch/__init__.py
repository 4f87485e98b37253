"""Many clips, each once: `tracker batch`.

clips.py     which clips there are, their names, and which are a shard's
manifest.py  clips in a table, with settings of their own
marks.py     what became of each clip, in a file of its own; claims; results put in their places
tables.py    tracks and events of all clips as Parquet
work.py      one clip: a plain function for a pool of processes or a cluster
pack.py      several clips in one process, with shared networks
page.py      the page of all clips
run.py       from an order to its totals

Each imports only from those above it.
"""

from tracker.batch.clips import BatchClip, Shard
from tracker.batch.pack import clips_together, needs_of_pack
from tracker.batch.run import BatchOrder, Totals, run_batch
from tracker.batch.work import ClipOutcome, ClipTask, Options, work

__all__ = [
    "BatchClip",
    "BatchOrder",
    "ClipOutcome",
    "ClipTask",
    "Options",
    "Shard",
    "Totals",
    "clips_together",
    "needs_of_pack",
    "run_batch",
    "work",
]
