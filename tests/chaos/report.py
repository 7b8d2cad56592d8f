"""The table of what the chaos found, as it stands in docs/reliability.md."""

from dataclasses import dataclass
from pathlib import Path

HEADINGS = ("Part", "Fault", "Tried", "Failed", "Acknowledged and lost", "Well again after",
            "Predictions", "Failed predictions")  # fmt: skip


@dataclass(frozen=True)
class Row:
    """What happened while one part had one fault."""

    part: str
    fault: str
    tried: int
    failed: int
    lost: int
    seconds: float
    predictions: int
    failed_predictions: int

    def cells(self):
        return (
            self.part, self.fault, f"{self.tried:,}", f"{self.failed:,}", f"{self.lost:,}",
            f"{self.seconds:.1f} s", f"{self.predictions:,}", f"{self.failed_predictions:,}",
        )  # fmt: skip


class Table:
    """Rows in the order in which they came."""

    folder = Path(__file__).parent

    def __init__(self):
        self.rows = []

    def lines(self):
        """The table in Markdown."""
        lines = [HEADINGS, ("---",) * len(HEADINGS), *(row.cells() for row in self.rows)]
        return [f"| {' | '.join(cells)} |" for cells in lines]
