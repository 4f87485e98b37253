"""A run over one source: its files, its counts, its summary, its page.

files.py       a job and the names of its files
tally.py       counts and scores by lane
summary.py     how a result was made and how the run went
comparison.py  the page of several lanes
profile.py     what every thread did when: a trace and a table
recording.py   the recorder of a job: its tables, its summaries, who switches it
live.py        what a live run has beside its files: controls, a status
job.py         from a job to its files: `process`
"""

from tracker.jobs.files import Job, planned_files
from tracker.jobs.job import Result, process
from tracker.jobs.live import Live
from tracker.jobs.profile import profile_table
from tracker.jobs.summary import comparison_table

__all__ = ["Job", "Live", "Result", "comparison_table", "planned_files", "process", "profile_table"]
