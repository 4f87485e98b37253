"""How rows of MOT text look that this program wrote, so that they are known again under any name."""

from __future__ import annotations

import re

_PLACE = rb"[0-9]+,[0-9]+,(?:-?[0-9]+\.[0-9]{2},){4}"
RESULT_ROW = re.compile(_PLACE + rb"[01]\.[0-9]{4},-1,-1,-1\r?\n")
"""of a lane's table"""
TRUTH_ROW = re.compile(_PLACE + rb"[01],1,[01]\.[0-9]{3}\n")
"""of a drawn world's gt.txt"""
