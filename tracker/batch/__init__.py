"""Many clips, each once: `tracker batch`.

clips.py     which clips there are, their names, and which are a shard's
manifest.py  clips in a table, with settings of their own
marks.py     what became of each clip, in a file of its own; claims; results put in their places
tables.py    tracks and events of all clips as Parquet
work.py      one clip: a plain function for a pool of processes or a cluster
page.py      the page of all clips
run.py       from an order to its totals

Each imports only from those above it.
"""

from tracker.batch.clips import Clip, Shard
from tracker.batch.run import Order, Totals, run_batch
from tracker.batch.work import ClipOutcome, Options, Task, work

__all__ = ["Clip", "ClipOutcome", "Options", "Order", "Shard", "Task", "Totals", "run_batch", "work"]
