"""The notebook runs from top to bottom."""

import ast
import json
import re
from pathlib import Path

TOUR = Path(__file__).parents[2] / "samples/tour.ipynb"


def test_the_tour_runs_from_top_to_bottom(capsys):
    cells = [cell for cell in json.loads(TOUR.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    names: dict[str, object] = {}
    shown = []
    for cell in cells:
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, str(TOUR), "exec"), names)
        if last is not None:
            shown.append(eval(compile(ast.Expression(last.value), str(TOUR), "eval"), names))  # what Jupyter shows
    told = capsys.readouterr().out
    assert ": 1 crosses gate, " in told
    assert re.search(r"slots: IDF1 0\.9\d+, switches 0\b", told), told  # as its text says
    assert [picture.size for picture in shown if picture is not None] == [(480, 360)] * 2
