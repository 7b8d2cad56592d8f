"""What a table that cannot be read as labelled reviews seems to be, and how to read it."""

import csv
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from sentiment_core.errors import DataError
from sentiment_core.params import ColumnParams
from sentiment_train.data.separators import SEPARATORS
from sentiment_train.data.tables import read_table

_TEXT_NAMES: Final = ("text", "review", "reviews", "review_text", "comment", "content", "sentence",
                      "body", "message", "phrase", "tweet")  # fmt: skip
_LABEL_NAMES: Final = ("label", "labels", "sentiment", "class", "target", "polarity", "rating",
                       "ratings", "stars", "score", "y")  # fmt: skip
_MAPPINGS: Final[tuple[Mapping[str, int | None], ...]] = (
    {"0": 0, "1": 1},
    {"neg": 0, "pos": 1, "neu": None},
    {"negative": 0, "positive": 1, "neutral": None},
    {"false": 0, "true": 1},
    {"no": 0, "yes": 1},
    {"bad": 0, "good": 1},
    {"0.0": 0, "1.0": 1},
    {"-1": 0, "0": None, "1": 1},
    {"1": 0, "2": 1},
    {"0": 0, "2": None, "4": 1},
    {"1": 0, "2": 0, "3": None, "4": 1, "5": 1},
    {str(n): 0 if n <= 4 else 1 if n >= 7 else None for n in range(1, 11)},  # as IMDb's data set
)
"""Label values that are often met, and what each means; None stands for neither."""

_MAX_VALUES: Final = max(map(len, _MAPPINGS))


@dataclass(frozen=True)
class Advice:
    """What a file seems to be, in words, and the options with which it is read."""

    findings: tuple[str, ...]
    columns: ColumnParams
    header_command: str | None
    """A shell command that writes the file again with a header, if it has none."""

    def __str__(self) -> str:
        """One or two sentences to stand behind the message of an error."""
        options = render_options(self.columns)
        steps = [f"write it again with a header: {self.header_command}"] * bool(self.header_command)
        steps += [f"add {options} (or data.columns in params.yaml)"] * bool(options)
        return f"It seems that {'; '.join(self.findings)}. If so, {', and '.join(steps)}"


def render_options(columns: ColumnParams) -> str:
    """Render columns as the options of a command line: those that are not the usual ones."""
    usual = ColumnParams()
    options = []
    for name in ("text", "label"):
        if (column := getattr(columns, name)) != getattr(usual, name):
            options += [f"--{name}-column", shlex.quote(column)]
    for name in ("negative", "positive", "neutral"):
        if (labels := getattr(columns, name)) != getattr(usual, name):
            options += [f"--{name}", shlex.quote(",".join(labels))]
    return " ".join(options)


def advise(path: Path, content: bytes) -> Advice | None:
    """Look for a missing header, other column names and other labels.

    The answer is None if nothing is recognised.
    """
    separator = _find_separator(content)
    try:
        frame = read_table(content, path, separator=separator)
        header = not _is_review(list(frame.columns))
        if not header:
            frame = read_table(content, path, separator=separator, header=False)
    except (DataError, ValueError, csv.Error):
        return None
    found = _find_columns(frame)
    if found is None:
        return None
    text, label = found
    mapping = _find_mapping(frame[label])
    if mapping is None:
        return None
    names = {column: str(column) for column in frame.columns}
    if not header:
        names |= {text: "text", label: "label"}
    columns = ColumnParams(
        text=names[text], label=names[label],
        negative=_labels_of(mapping, 0), positive=_labels_of(mapping, 1),
        neutral=_labels_of(mapping, None),
    )  # fmt: skip
    findings = []
    if not header:
        findings.append("it has no header")
    elif (text, label) != ("text", "label"):
        findings.append(f"its column {text!r} holds the texts and {label!r} the labels")
    if list(mapping) != ["0", "1"]:
        findings.append(f"its labels mean {_describe(mapping)}")
    if not findings:
        return None
    first = separator.join(names[column] for column in frame.columns)
    return Advice(tuple(findings), columns, None if header else _add_header(path, first))


def _labels_of(mapping: Mapping[str, int | None], label: int | None) -> tuple[str, ...]:
    return tuple(value for value, meant in mapping.items() if meant == label)


def _add_header(path: Path, header: str) -> str:
    target = path.with_stem(f"{path.stem}_with_header")
    program = shlex.quote("1i " + header.replace("\t", "\\t"))
    return f"sed {program} {shlex.quote(str(path))} > {shlex.quote(str(target))}"


def _find_separator(content: bytes) -> str:
    first = content.lstrip(b"\r\n").partition(b"\n")[0].decode("utf-8", "replace")
    counts = {mark: len(_fields(first, mark)) for mark in SEPARATORS}
    # A tie is a comma's: it is the first.
    return max(counts, key=lambda mark: counts[mark])


def _fields(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return []


def _is_review(cells: list[str]) -> bool:
    """Tell whether a first line is a review already: a label and a longer text."""
    values = [str(cell).strip().lower() for cell in cells]
    known = {value for mapping in _MAPPINGS for value in mapping}
    return len(values) == 2 and sum(value in known for value in values) == 1


def _find_columns(frame: pd.DataFrame) -> tuple[Any, Any] | None:
    """Find the columns of the texts and of the labels: by name, or else by what they hold."""
    text, label = _named(frame, _TEXT_NAMES), _named(frame, _LABEL_NAMES)
    others = [column for column in frame.columns if column not in (text, label)]
    if text is None and others:
        text = max(others, key=lambda column: frame[column].str.len().mean())
        others.remove(text)
    if label is None:
        label = next((column for column in others if _find_mapping(frame[column])), None)
    return None if text is None or label is None else (text, label)


def _named(frame: pd.DataFrame, names: tuple[str, ...]) -> Any:
    by_name = {str(column).strip().lower(): column for column in reversed(frame.columns)}
    return next((by_name[name] for name in names if name in by_name), None)


def _find_mapping(labels: "pd.Series[str]") -> dict[str, int | None] | None:
    """Return the first mapping that knows every label and yields both classes."""
    written = [str(value) for value in labels.unique()[: 4 * _MAX_VALUES]]
    values = {value.strip().lower() for value in written}
    for mapping in _MAPPINGS:
        meant = {mapping[value] for value in values if value in mapping}
        if values <= set(mapping) and {0, 1} <= meant:
            found = {value: mapping[value.strip().lower()] for value in written}
            return dict(sorted(found.items(), key=lambda item: (item[1] is None, item[1], item[0])))
    return None


def _describe(mapping: Mapping[str, int | None]) -> str:
    groups: dict[int | None, list[str]] = {}
    for value, label in mapping.items():
        groups.setdefault(label, []).append(value)
    parts = [
        f"{', '.join(values)} = " + ("neither (left out)" if label is None else str(label))
        for label, values in groups.items()
    ]
    return ", ".join(parts)
