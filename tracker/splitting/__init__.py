"""A file that is watched in parts, a process for each (`--split`).

plan.py   which frames each part looks at
part.py   one part, watched in both directions: what each process does
watch.py  all parts, joined to lanes of the run that writes
"""

from tracker.splitting.plan import MOST_PARTS, Part, Seam, Split, SplitPlan, plan_parts

__all__ = ["MOST_PARTS", "Part", "Seam", "Split", "SplitPlan", "plan_parts"]
