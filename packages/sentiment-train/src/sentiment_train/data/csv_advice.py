"""What a CSV file that cannot be read as labelled reviews seems to be, and how to repair it."""

import csv
import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from sentiment_train.data.csv_strings import read_strings

_SEPARATORS: Final = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
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
    """What a file seems to be, in words, and a shell command that repairs it."""

    findings: tuple[str, ...]
    command: str

    def __str__(self) -> str:
        """One or two sentences to stand behind the message of an error."""
        seems = "; ".join(self.findings)
        return f"It seems that {seems}. If so, this writes a file that fits: {self.command}"


def advise(path: Path, content: str) -> Advice | None:
    """Look for another separator, a missing header, other column names and other labels.

    The answer is None if nothing is recognised that one command can repair.
    """
    try:
        separator = _find_separator(content)
        frame = read_strings(content, separator)
        header = not _is_review(list(frame.columns))
        if not header:
            frame = read_strings(content, separator, header=False)
    except (ValueError, csv.Error):  # pandas' errors of parsing are among the former
        return None
    columns = _find_columns(frame)
    if columns is None:
        return None
    text, label = columns
    mapping = _find_mapping(frame[label])
    if mapping is None:
        return None
    findings = []
    if separator != ",":
        findings.append(f"its values are separated by {_SEPARATORS[separator]}, not commas")
    if not header:
        findings.append("it has no header")
    elif (text, label) != ("text", "label"):
        findings.append(f"its column {text!r} holds the texts and {label!r} the labels")
    if list(mapping) != ["0", "1"]:
        findings.append(f"its labels mean {_describe(mapping)}")
    if not findings:
        return None
    return Advice(tuple(findings), _repair(path, separator, header, (text, label), mapping))


def _find_separator(content: str) -> str:
    first = content.lstrip("\r\n").partition("\n")[0]
    counts = {mark: len(_fields(first, mark)) for mark in (",", *_SEPARATORS)}
    # A tie is a comma's: it is the first.
    return max(counts, key=lambda mark: counts[mark])


def _fields(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator), [])


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


def _repair(
    path: Path,
    separator: str,
    header: bool,
    columns: tuple[Any, Any],
    mapping: Mapping[str, int | None],
) -> str:
    options = "" if separator == "," else f", sep={json.dumps(separator)}"
    options += "" if header else ", header=None"
    names = {columns[0]: "text", columns[1]: "label"}
    renamed = any(old != new for old, new in names.items())
    steps = f".rename(columns={_code(names)})" if renamed else ""
    steps += '[["text", "label"]]'
    if list(mapping) != ["0", "1"]:
        known = {value: str(label) for value, label in mapping.items() if label is not None}
        steps += f".assign(label=lambda d: d.label.map({_code(known)})).dropna()"
    source, target = _code(str(path)), _code(str(path.with_stem(f"{path.stem}_repaired")))
    program = (
        f"import pandas; pandas.read_csv({source}, dtype=str, keep_default_na=False{options})"
        f"{steps}.to_csv({target}, index=False)"
    )
    # This very Python: another may lack pandas, or the name python.
    return f"{shlex.quote(sys.executable)} -c {shlex.quote(program)}"


def _code(value: Any) -> str:
    """Render a value as Python code with double quotes, which a shell's single quotes keep."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_code(key)}: {_code(item)}" for key, item in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
