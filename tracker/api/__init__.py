"""The library's front door: what `import tracker` gives. The command line stands beside it, on the same line of stations.

tracks.py     the objects of one frame as arrays
frame.py      a frame and what was tracked in it
plan.py       settings and sources as callers give them, and the run that they ask for
handover.py   moments from the thread that makes them to the one that wants them
stream.py     `track`: a clip or camera, frame by frame
step.py       `Tracker`: for a loop of one's own
run.py        `process` and `compare`: whole runs with their files, and their result as a value
adapters.py   the same for pandas and supervision
"""
