"""A run over one source: its files, its counts, its summary, its page.

files.py       a job and the names of its files
tally.py       counts and scores by lane
summary.py     how a result was made and how the run went
versions.py    of this package and the libraries that decide a result
comparison.py  the page of several lanes
profile.py     what every thread did when: a trace and a table
hooks.py       where events go while the run goes on
recording.py   the recorder of a job: its tables, its summaries, who switches it
live.py        what a live run has beside its files: controls, a status
sparing.py     which work is given up while a live source is faster than the machine
state.py       what a live run hands on to the next; state_file.py has it as one file
screens.py     which lanes screens show, and pictures that are kept of them
page.py        the page of a live run
window.py      the window of a run, and zones that are drawn in it
zones.py       who is reported, and what is counted where
parts.py       a file that is watched in parts: what is refused, and what its seams say
outputs.py     what a run writes to
saving.py      a job that is saved now and then, and goes on when it was killed
opening.py     what is opened before the first frame: source, truth, window
result.py      what a job comes to: the loop, the summary, the files' names
job.py         from a job to its files: `process`
together.py    several jobs in one process, with shared networks
room.py        how much memory that takes, and how many fit
"""

from tracker.jobs.files import Job, planned_files
from tracker.jobs.job import process
from tracker.jobs.live import Live
from tracker.jobs.profile import profile_table
from tracker.jobs.result import Result
from tracker.jobs.room import card_memory_mb, clips_that_fit, memory_mb
from tracker.jobs.screens import Screens
from tracker.jobs.summary import comparison_table
from tracker.jobs.together import process_together
from tracker.jobs.zones import ZoneWatch, read_zones, write_zones

__all__ = [
    "Job",
    "Live",
    "Result",
    "Screens",
    "ZoneWatch",
    "card_memory_mb",
    "clips_that_fit",
    "comparison_table",
    "memory_mb",
    "planned_files",
    "process",
    "process_together",
    "profile_table",
    "read_zones",
    "write_zones",
]
