"""Renders a training's outcome as Markdown: ``python -m tools.job_summary FOLDER``.

The folder holds ``result.json`` of ``sentiment-cli train --json`` and perhaps ``plots/``.
"""

import csv
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def render_summary(folder: Path) -> str:
    """Render tables of the figures and the decision, and the ROC curve.

    Parameters
    ----------
    folder : Path
        Outcome of a training.

    Returns
    -------
    str
        Markdown, with a Mermaid chart.
    """
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    parts = [
        "# Training\n",
        _table(("metric", "value"), [(k, f"{v:.4f}") for k, v in result["metrics"].items()]),
        _decision(result),
    ]
    plots = folder / "plots"
    if (plots / "confusion.csv").exists():
        parts.append(_confusion(plots / "confusion.csv"))
    if (plots / "roc.json").exists():
        parts.append(_roc(plots / "roc.json"))
    return "\n".join(parts)


def _decision(result: dict[str, Any]) -> str:
    decision = result["decision"]
    rows = [("run", result["run_id"]), ("version", result["model_version"] or "not registered")]
    if decision:
        rows += [("verdict", decision["verdict"]), ("reason", decision["reason"])]
    return _table(("", ""), rows)


def _confusion(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as file:
        counts = Counter((row["actual"], row["predicted"]) for row in csv.DictReader(file))
    names = sorted({name for pair in counts for name in pair})
    rows = [(actual, *(counts[actual, predicted] for predicted in names)) for actual in names]
    return _table(("actual \\ predicted", *names), rows)


def _roc(path: Path) -> str:
    points = json.loads(path.read_text(encoding="utf-8"))
    chosen = points[:: max(len(points) // 25, 1)]
    return "\n".join(
        [
            "```mermaid",
            "xychart-beta",
            '  title "ROC"',
            f'  x-axis "false positive rate" {[round(p["fpr"], 3) for p in chosen]}',
            '  y-axis "true positive rate" 0 --> 1',
            f"  line {[round(p['tpr'], 3) for p in chosen]}",
            "```",
            "",
        ]
    )


def _table(header: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) + "\n"


if __name__ == "__main__":
    print(render_summary(Path(sys.argv[1])))
