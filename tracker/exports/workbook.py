"""A workbook (.xlsx) of plain tables, written with the standard library (ECMA-376, Office Open XML).

Why not a CSV: whether its columns are parted by commas, and whether 1.5 is a number, depends on the country that a spreadsheet is set
to, so that some ask and others read dates. A workbook says of every cell what it is, and text in it is never a formula.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

Columns = Mapping[str, NDArray[Any] | Sequence[Any]]
"""values by the column's name, all of one length"""

MOST_ROWS = 1_048_575
"""of a sheet, below its head; what is more goes on in another sheet"""
CONTENT = "application/vnd.openxmlformats-officedocument.spreadsheetml"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
DECLARED = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""characters that XML cannot hold"""
FILL = '<fill><patternFill patternType="{}"/></fill>'
FORMAT = '<xf numFmtId="0" fontId="{}" fillId="0" borderId="0"{}/>'
PARENT = ' xfId="0"'
STYLES = (
    f'<styleSheet xmlns="{MAIN}">'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    f'<fills count="2">{FILL.format("none")}{FILL.format("gray125")}</fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    f'<cellStyleXfs count="1">{FORMAT.format(0, "")}</cellStyleXfs>'
    f'<cellXfs count="2">{FORMAT.format(0, PARENT)}{FORMAT.format(1, PARENT)}</cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)
"""the second style, bold, is that of the heads"""


def write_workbook(path: Path, sheets: Mapping[str, Columns]) -> None:
    """Write tables by the names of their sheets; a head row in bold that stays in sight. Raises OSError."""
    parts = [(name, part) for title, columns in sheets.items() for name, part in _parts(title, columns)]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        # stored, and first: by these two a reader tells what the file is, and `sinks.ours` whose it is
        file.writestr("[Content_Types].xml", _content_types(len(parts)), zipfile.ZIP_STORED)
        file.writestr("docProps/core.xml", _properties(), zipfile.ZIP_STORED)
        file.writestr("_rels/.rels", _relations([("officeDocument", "xl/workbook.xml")], core=True))
        targets = [("worksheet", f"worksheets/sheet{n}.xml") for n in range(1, len(parts) + 1)]
        file.writestr("xl/_rels/workbook.xml.rels", _relations([*targets, ("styles", "styles.xml")]))
        file.writestr("xl/workbook.xml", _workbook([name for name, _ in parts]))
        file.writestr("xl/styles.xml", DECLARED + STYLES)
        for number, (_, columns) in enumerate(parts, 1):
            with file.open(f"xl/worksheets/sheet{number}.xml", "w", force_zip64=True) as sheet:
                for text in _sheet(columns):
                    sheet.write(text.encode())


def _parts(title: str, columns: Columns) -> Iterator[tuple[str, Columns]]:
    """A table as one sheet, or as several where it has too many rows."""
    rows = len(next(iter(columns.values())))
    for number, begin in enumerate(range(0, max(1, rows), MOST_ROWS), 1):
        part = {name: values[begin : begin + MOST_ROWS] for name, values in columns.items()}
        yield title if number == 1 else f"{title} {number}", part


def _sheet(columns: Columns) -> Iterator[str]:
    yield (
        f'{DECLARED}<worksheet xmlns="{MAIN}"><sheetViews><sheetView workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetData>'
    )
    yield _row(columns, style=' s="1"')
    for row in zip(*(_plain(values) for values in columns.values()), strict=True):
        yield _row(row)
    yield "</sheetData></worksheet>"


def _plain(values: NDArray[Any] | Sequence[Any]) -> list[Any]:
    """Python's own numbers; yes and no as 1 and 0, as in the CSV."""
    array = np.asarray(values)
    if array.dtype == bool:
        array = array.astype(int)
    return array.tolist() if array.dtype.kind in "iuf" else list(values)


def _row(values: Any, *, style: str = "") -> str:
    return "<row>" + "".join(_cell(value, style) for value in values) + "</row>"


def _cell(value: Any, style: str) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "<c/>"
    if isinstance(value, str):
        text = escape(UNWRITABLE.sub("\ufffd", value))
        return f'<c t="inlineStr"{style}><is><t xml:space="preserve">{text}</t></is></c>'
    return f"<c><v>{rounded(value) if isinstance(value, float) else value}</v></c>"


def rounded(value: float) -> float:
    """As text has it: six digits behind the point, and of what is small five digits that count: a cell goes some nm in a second."""
    return round(value, 6) if abs(value) >= 0.01 else float(f"{value:.5g}")


def _content_types(sheets: int) -> str:
    parts = [("/xl/workbook.xml", "sheet.main"), ("/xl/styles.xml", "styles")]
    parts += [(f"/xl/worksheets/sheet{n}.xml", "worksheet") for n in range(1, sheets + 1)]
    listed = "".join(f'<Override PartName="{part}" ContentType="{CONTENT}.{kind}+xml"/>' for part, kind in parts)
    return (
        f'{DECLARED}<Types xmlns="{PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        '<Override PartName="/docProps/core.xml" ContentType="application/vnd.openxmlformats-package.core-properties+xml"/>'
        f"{listed}</Types>"
    )


def _properties() -> str:
    return (
        f'{DECLARED}<cp:coreProperties xmlns:cp="{PACKAGE}/metadata/core-properties" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:creator>tracker</dc:creator></cp:coreProperties>'
    )


def _relations(targets: Sequence[tuple[str, str]], *, core: bool = False) -> str:
    listed = "".join(
        f'<Relationship Id="rId{n}" Type="{RELATIONS}/{kind}" Target="{target}"/>'
        for n, (kind, target) in enumerate(targets, 1)
    )
    if core:
        kind = f"{PACKAGE}/relationships/metadata/core-properties"
        listed += f'<Relationship Id="core" Type="{kind}" Target="docProps/core.xml"/>'
    return f'{DECLARED}<Relationships xmlns="{PACKAGE}/relationships">{listed}</Relationships>'


def _workbook(names: Sequence[str]) -> str:
    listed = "".join(
        f'<sheet name="{escape(name, {chr(34): "&quot;"})}" sheetId="{n}" r:id="rId{n}"/>'
        for n, name in enumerate(names, 1)
    )
    return f'{DECLARED}<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>{listed}</sheets></workbook>'
