"""What a process does with a chunk: reads its rows, scores the texts and writes the result.

It runs in processes of its own, so it imports little and knows nothing of files or registries.
"""

import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sentiment_cli.batch.formats import Format
from sentiment_cli.batch.reading import Chunk
from sentiment_core.prediction import BLANK_TEXT, Prediction, is_blank, is_unicode, predict_batch
from sentiment_core.scorer import LinearScorer

MAX_TEXT_CHARACTERS: Final = 1_000_000
_DIGITS: Final = 6


@dataclass(frozen=True)
class Job:
    """What is done with every chunk of a file."""

    source: Format
    target: Format
    columns: tuple[str, ...] | None
    """Of the source, if all rows have the same."""
    text_column: str
    prefix: str
    explain: int
    """Terms of each row that are written beside its label."""

    def added(self, scorer: LinearScorer) -> list[str]:
        """Name the columns that are added."""
        names = ["sentiment", "confidence", "low_information"]
        if scorer.labels:
            names.insert(1, "label")
        if self.explain:
            names.append("terms")
        return [f"{self.prefix}{name}" for name in names]


class Row(NamedTuple):
    """A row whose text can be scored."""

    number: int
    fields: dict[str, Any]
    text: str


class Refused(NamedTuple):
    """A row that cannot be scored, and why."""

    row: int
    reason: str
    content: str


class Labelled(NamedTuple):
    """What became of a chunk: bytes of the output and of the refused rows, and counts."""

    content: bytes
    refused: bytes
    n_rows: int
    n_refused: int
    n_positive: int
    n_low_information: int
    last: int
    """Number of the last row that was read."""
    fraction: float


def label_chunk(scorer: LinearScorer, job: Job, chunk: Chunk) -> Labelled:
    """Score the texts of a chunk.

    Parameters
    ----------
    scorer : LinearScorer
        The model.
    job : Job
        How rows are read and written.
    chunk : Chunk
        As `sentiment_cli.batch.reading` reads it.

    Returns
    -------
    Labelled
        Its rows with their labels, in their order; those that cannot be scored stand aside.
    """
    rows, refused = [], []
    for found in _read(job, chunk):
        if isinstance(found, Row):
            rows.append(found)
        else:
            refused.append(found)
    predictions = predict_batch(scorer, [row.text for row in rows])
    added = job.added(scorer)
    values = [
        dict(zip(added, _values(scorer, job, row.text, prediction), strict=True))
        for row, prediction in zip(rows, predictions, strict=True)
    ]
    content = _write(job, chunk, rows, values, added)
    return Labelled(
        content=content,
        refused="".join(f"{_dumps(line._asdict())}\n" for line in refused).encode(),
        n_rows=len(rows) + len(refused),
        n_refused=len(refused),
        n_positive=sum(prediction.sentiment == "positive" for prediction in predictions),
        n_low_information=sum(prediction.low_information for prediction in predictions),
        last=chunk.first + len(chunk.rows) - 1,
        fraction=chunk.fraction,
    )


def header(job: Job, scorer: LinearScorer) -> bytes:
    """Return what stands before all rows of the output: the names of CSV."""
    if job.target.kind != "csv":
        return b""
    names = [*(job.columns or ()), *job.added(scorer)]
    return _compressed(job.target, _csv_lines(job.target, [names]))


def _read(job: Job, chunk: Chunk) -> Iterator[Row | Refused]:
    rows: Iterable[Any] = chunk.rows
    if job.source.kind == "parquet":
        rows = chunk.rows.to_pylist()
    for number, row in enumerate(rows, chunk.first):
        if isinstance(row, str) and not row.strip():
            continue
        fields, problem = _fields(job, row)
        if fields is not None:
            text = fields.get(job.text_column)
            problem = _problem(job, text)
            if problem is None:
                yield Row(number, fields, str(text))
                continue
        content = row if isinstance(row, str) else _dumps(row)
        yield Refused(number, problem or "", content[:1000])


def _fields(job: Job, row: Any) -> tuple[dict[str, Any] | None, str | None]:
    if job.source.kind == "csv":
        columns = job.columns or ()
        if len(row) != len(columns):
            return None, f"It has {len(row)} fields, the header {len(columns)}."
        return dict(zip(columns, row, strict=True)), None
    if job.source.kind == "parquet":
        return row, None
    fields, problem = read_fields(row)
    if fields is None:
        return None, problem
    if job.columns is not None and (unknown := sorted(set(fields) - set(job.columns))):
        return None, f"It has fields that the first row has not: {', '.join(unknown)[:200]}."
    return fields, None


def read_fields(line: str) -> tuple[dict[str, Any] | None, str | None]:
    """Read a line of JSON; what it holds, or why it is no object."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        return None, f"It is no JSON: {str(error)[:200]}."
    return (fields, None) if isinstance(fields, dict) else (None, "It is no JSON object.")


def _problem(job: Job, text: object) -> str | None:
    if text is None:
        return f"It has no {job.text_column}."
    if not isinstance(text, str):
        return f"Its {job.text_column} is no text."
    if is_blank(text):
        return BLANK_TEXT
    if len(text) > MAX_TEXT_CHARACTERS:
        return f"Its {job.text_column} has more than {MAX_TEXT_CHARACTERS:,} characters."
    if not is_unicode(text):
        return f"Its {job.text_column} is not UTF-8."
    return None


def _values(scorer: LinearScorer, job: Job, text: str, prediction: Prediction) -> list[Any]:
    values: list[Any] = [
        prediction.sentiment, round(prediction.confidence, _DIGITS), prediction.low_information
    ]  # fmt: skip
    if scorer.labels:
        values.insert(1, scorer.labels[prediction.sentiment])
    if job.explain:
        terms = scorer.explain(text).terms[: job.explain]
        values.append({term.term: round(term.contribution, _DIGITS) for term in terms})
    return values


def _write(
    job: Job, chunk: Chunk, rows: list[Row], values: list[dict[str, Any]], added: list[str]
) -> bytes:
    if job.target.kind == "parquet":
        return _arrow(job, chunk, rows, values, added)
    if job.target.kind == "jsonl":
        lines = (
            f"{_dumps({**row.fields, **more})}\n" for row, more in zip(rows, values, strict=True)
        )
        return _compressed(job.target, "".join(lines))
    columns = job.columns or ()
    return _compressed(job.target, _csv_lines(job.target, (
        [*(row.fields.get(name) for name in columns), *more.values()]
        for row, more in zip(rows, values, strict=True)
    )))  # fmt: skip


def _csv_lines(target: Format, rows: Iterable[Iterable[Any]]) -> str:
    lines = io.StringIO()
    writer = csv.writer(lines, delimiter=target.separator, lineterminator="\n")
    writer.writerows([_as_text(value) for value in row] for row in rows)
    return lines.getvalue()


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return _dumps(value) if isinstance(value, dict | list) else str(value)


def _arrow(
    job: Job, chunk: Chunk, rows: list[Row], values: list[dict[str, Any]], added: list[str]
) -> bytes:
    import pyarrow as pa

    if job.source.kind == "parquet":
        kept = pa.array([row.number - chunk.first for row in rows], pa.int64())
        table = pa.Table.from_batches([chunk.rows]).take(kept)
    else:
        names = job.columns or ()
        table = pa.table(
            {name: pa.array([row.fields[name] for row in rows], pa.string()) for name in names}
        )
    types = {"confidence": pa.float64(), "low_information": pa.bool_()}
    for name in added:
        column = [_as_text(more[name]) if isinstance(more[name], dict) else more[name]
                  for more in values]  # fmt: skip
        kind = types.get(name.removeprefix(job.prefix), pa.string())
        table = table.append_column(name, pa.array(column, kind))
    content = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_stream(content, table.schema, options=options) as writer:
        writer.write_table(table)
    return content.getvalue()


def _compressed(target: Format, text: str) -> bytes:
    try:
        content = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # halves of characters, which JSON can spell
        content = text.encode("utf-8", "replace")
    if not content or target.compression is None:
        return content
    if target.compression == "gzip":
        return gzip.compress(content, mtime=0)
    import pyarrow as pa

    compressed: bytes = pa.Codec("zstd").compress(content, asbytes=True)
    return compressed


def _dumps(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if is_unicode(text) else json.dumps(value, default=str)
