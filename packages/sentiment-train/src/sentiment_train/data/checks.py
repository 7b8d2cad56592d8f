"""Looks a data set over before anything is trained on it, and reports what it sees."""

import html
import json
from dataclasses import asdict, dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sentiment_train.data.provenance import PreparedData, describe_provenance

_OUTLIER_FACTOR: Final = 3.0
_MAX_IMBALANCE: Final = 0.6
_ROWS_SHOWN: Final = 10

Level = Literal["ok", "warning"]


@dataclass(frozen=True)
class DataCheck:
    """One look at the data."""

    name: str
    level: Level
    detail: str
    rows: tuple[int, ...] = ()


@dataclass(frozen=True)
class DataReport:
    """All looks at one data set; row 1 is the first review below the header."""

    n_rows: int
    n_positive: int
    median_words: float
    checks: tuple[DataCheck, ...]
    provenance: PreparedData | None = None

    @property
    def warnings(self) -> list[str]:
        """What deserves attention, in words."""
        return [check.detail for check in self.checks if check.level == "warning"]

    def to_json(self) -> str:
        """Render the report for scripts."""
        return json.dumps(asdict(self), indent=2) + "\n"

    def to_html(self) -> str:
        """Render the report for people: a page that needs nothing from elsewhere."""
        rows = "\n".join(
            f"<tr class={check.level}><td>{html.escape(check.name)}<td>{check.level}"
            f"<td>{html.escape(check.detail)}<td>{', '.join(map(str, check.rows))}"
            for check in self.checks
        )
        lines = describe_provenance(self.provenance)
        provenance = "\n".join(
            f"<tr><th>{html.escape(name)}<td>{html.escape(text)}" for name, text in lines.items()
        )
        return _PAGE.format(
            provenance=provenance,
            rows=rows,
            n_rows=self.n_rows,
            n_positive=self.n_positive,
            median_words=self.median_words,
        )


_PAGE: Final = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Data report</title>
<style>
  body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; }}
  table {{ border-collapse: collapse; }}
  td, th {{ border: 1px solid silver; padding: .3rem .6rem; text-align: left; }}
  .warning td:nth-child(2) {{ color: #b3472d; font-weight: 600; }}
</style>
<h1>Data report</h1>
<p>{n_rows} reviews, {n_positive} of them positive, {median_words:.0f} words in the median.</p>
<table>
<tr><th>Check<th>Level<th>Finding<th>First rows
{rows}
</table>
<h2>Provenance</h2>
<table>
{provenance}
</table>
</html>
"""


def check_data(
    frame: pd.DataFrame,
    fingerprints: NDArray[np.uint64],
    provenance: PreparedData | None = None,
) -> DataReport:
    """Check a data set that can be read: duplicates, balance, lengths, contradicting labels.

    None of the findings forbids a training; `sentiment_train.data.dataset.load_dataset` refuses a
    wrong schema. The fingerprints are what `text_fingerprints` returns for the texts of the frame.
    """
    texts = pd.Series(fingerprints)
    labels = frame["label"].reset_index(drop=True)
    words = np.array([len(text.split()) for text in frame["text"]])
    return DataReport(
        n_rows=len(frame),
        n_positive=int(labels.sum()),
        median_words=float(np.median(words)),
        checks=(
            _check_duplicates(texts),
            _check_contradictions(texts, labels),
            _check_balance(labels),
            _check_lengths(words),
        ),
        provenance=provenance,
    )


def _check_duplicates(fingerprints: "pd.Series[int]") -> DataCheck:
    repeated = np.flatnonzero(fingerprints.duplicated().to_numpy())
    return _finding("duplicates", repeated, "texts occur before, after cleaning")


def _check_contradictions(fingerprints: "pd.Series[int]", labels: "pd.Series[int]") -> DataCheck:
    both = labels.groupby(fingerprints).transform("nunique") > 1
    flipped = np.flatnonzero(both.to_numpy())
    return _finding("contradictions", flipped, "texts stand there with both labels")


def _check_balance(labels: "pd.Series[int]") -> DataCheck:
    share = float(labels.mean())
    level: Level = "warning" if max(share, 1 - share) > _MAX_IMBALANCE else "ok"
    return DataCheck("class balance", level, f"{share:.1%} of the reviews are positive")


def _check_lengths(words: np.ndarray) -> DataCheck:
    """Find lengths far outside of the middle half, on a logarithmic scale (Tukey's fences)."""
    logarithms = np.log1p(words)
    low, high = np.quantile(logarithms, [0.25, 0.75])
    reach = _OUTLIER_FACTOR * (high - low)
    outside = np.flatnonzero((logarithms < low - reach) | (logarithms > high + reach))
    return _finding("length outliers", outside, "texts are far shorter or longer than the others")


def _finding(name: str, positions: np.ndarray, what: str) -> DataCheck:
    if not len(positions):
        return DataCheck(name, "ok", f"no {what}")
    rows = tuple(int(position) + 1 for position in positions[:_ROWS_SHOWN])
    return DataCheck(name, "warning", f"{len(positions)} {what}", rows)
