"""The table of an evaluation, for people: aligned text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from tracker.evaluation.result import Evaluation, EvaluationRow, Scope


class Column(NamedTuple):
    """One column of the table."""

    title: str
    group: str
    name: str
    form: str

    @property
    def width(self) -> int:
        """With the blank before it."""
        return 6 if self.form in ("d", ".0f") else 7


def _columns(group: str, form: str, **names: str) -> tuple[Column, ...]:
    return tuple(Column(title, group, name, form) for title, name in names.items())


BLOCKS = {
    "identities": (
        *_columns("identity", ".3f", HOTA="hota", DetA="deta", AssA="assa", IDF1="idf1", MOTA="mota"),
        *_columns("identity", ".3f", Re="recall", Pr="precision"),
        *_columns("identity", "d", IDSW="switches", Frag="fragments", MT="mostly_tracked", ML="mostly_lost"),
    ),
    "foreground": (
        *_columns("foreground", ".3f", Re="recall", Sp="specificity"),
        *_columns("foreground", ".4f", FPR="fpr"),
        *_columns("foreground", ".3f", FNR="fnr"),
        *_columns("foreground", ".2f", PWC="pwc"),
        *_columns("foreground", ".3f", Pr="precision", F="f_measure"),
        *_columns("clusters", ".3f", fgARI="fg_ari", AMI="ami"),
    ),
}
"""The columns of each part of the table."""
COST = (Column("ms", "cost", "ms_per_frame", ".1f"), Column("MiB", "cost", "peak_mb", ".0f"))
LINE_WIDTH, METHOD_WIDTH = 120, 12
"""Longer names are cut."""


def table(evaluation: Evaluation) -> str:
    """Aligned text: a block for identities and one for the foreground, each where there is something to show."""
    rows = evaluation.rows()
    categories = {row.category for row in rows if row.category}
    if len(categories) == 1:
        rows = [row for row in rows if row.scope != "overall"]  # the mean over one category says it already
    blocks = []
    for title, columns in BLOCKS.items():
        shown = [row for row in rows if any(column.group in row.groups for column in columns)]
        behind = Counter(row.method for row in shown if row.scope == "sequence")
        shown = [row._replace(sequences=behind[row.method]) if row.scope == "pooled" else row for row in shown]
        present = {group for row in shown for group in row.groups}
        columns = tuple(column for column in columns if column.group in present)
        if any("ms_per_frame" in row.cost for row in shown):
            columns += COST
        if shown:
            blocks.append(_block(title, columns, shown, prefixed=len(categories) > 1))
    return "\n\n".join(blocks)


def _block(title: str, columns: Sequence[Column], rows: Sequence[EvaluationRow], *, prefixed: bool) -> str:
    labels = [_label(row, prefixed) for row in rows]
    method_width = min(METHOD_WIDTH, max(len("method"), *(len(row.method) for row in rows)))
    room = LINE_WIDTH - sum(column.width for column in columns) - method_width - 2
    name_width = min(room, max(map(len, [title, *labels])))
    head = f"{title:{name_width}}  {'method':{method_width}}"
    lines = [head + "".join(f"{column.title:>{column.width}}" for column in columns)]
    last: Scope = "sequence"
    for label, row in zip(labels, rows, strict=True):
        if row.scope != last:
            lines.append("")
            last = row.scope
        values = row.groups | {"cost": row.cost}
        cells = [values.get(column.group, {}).get(column.name) for column in columns]
        shown = (f"{'' if v is None else format(v, c.form):>{c.width}}" for c, v in zip(columns, cells, strict=True))
        name, method = _cut(label, name_width), _cut(row.method, method_width)
        lines.append(f"{name:{name_width}}  {method:{method_width}}" + "".join(shown))
    return "\n".join(line.rstrip() for line in lines)


def _label(row: EvaluationRow, prefixed: bool) -> str:
    if row.scope == "sequence":
        return f"{row.category}/{row.name}" if prefixed else row.name
    if row.scope == "category":
        return f"mean {row.name} ({row.sequences})"
    return f"mean of means ({row.sequences})" if row.scope == "overall" else f"pooled ({row.sequences})"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"…{text[1 - width :]}"
