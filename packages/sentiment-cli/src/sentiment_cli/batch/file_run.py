"""Labels one file: begins, goes on where an earlier command stopped, or finds it done."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sentiment_cli.batch.formats import Format, format_of
from sentiment_cli.batch.journal import Progress, Task
from sentiment_cli.batch.labelling import Job, Labelled, header, read_fields
from sentiment_cli.batch.output import Output
from sentiment_cli.batch.processes import Labeller
from sentiment_cli.batch.reading import Source, open_source
from sentiment_core.errors import ConflictError, InputError
from sentiment_core.scorer import LinearScorer

_SECONDS_BETWEEN_WRITES: Final = 1.0
_MOST_BYTES_IN_MEMORY: Final = 16_000_000

Watch = Callable[[int, int, float], None]
"""Takes the rows so far, those of this command among them, and how much of the file is done."""


@dataclass(frozen=True)
class Options:
    """What is asked for."""

    text_column: str
    prefix: str = ""
    explain: int = 0
    restart: bool = False
    overwrite: bool = False


def finished(target_path: Path, task: Task) -> Progress | None:
    """Return what an earlier command did, if it did just this task to the end."""
    output = Output(target_path, format_of(target_path.name))
    done = Progress.read(output.run)
    if done is None or done.task != task or not target_path.exists() or output.journal.exists():
        return None
    output.forget()
    return done


def label_file(
    source_path: Path,
    target_path: Path,
    task: Task,
    scorer: LinearScorer,
    labeller: Labeller,
    options: Options,
    watch: Watch,
) -> Progress:
    """Label a file.

    Parameters
    ----------
    source_path, target_path : Path
        What is read and what is written; their endings say how.
    task : Task
        What is done, and with which model.
    scorer : LinearScorer
        The model that labels.
    watch : callable
        Is told of each chunk.

    Returns
    -------
    Progress
        Complete.

    Raises
    ------
    InputError, DataError
        If the file cannot be read as asked.
    ConflictError
        If the output is there, or was begun otherwise.
    """
    output = Output(target_path, format_of(target_path.name))
    progress = _begun(output, task, options)
    if not progress.complete:
        source, job = _prepare(source_path, target_path, scorer, options)
        output.begin(progress)
        run = _Run(output, progress, watch)
        if progress.last == 0:
            run.content.append(header(job, scorer))
        for labelled in labeller.label(job, source.chunks(progress.last)):
            run.add(labelled)
        run.write()
        progress = replace(run.progress, complete=True)
        progress.write(output.journal)
    output.finish(progress)
    return progress


def _prepare(
    source_path: Path, target_path: Path, scorer: LinearScorer, options: Options
) -> tuple[Source, Job]:
    read, written = format_of(source_path.name), format_of(target_path.name)
    if (read.kind, written.kind) == ("jsonl", "parquet"):
        raise InputError("JSON lines become JSON lines or CSV: their fields have no fixed types.")
    source = open_source(source_path, read, options.text_column)
    columns = source.columns if source.columns is not None else _first_fields(source, written)
    job = Job(
        read, written, tuple(columns) if columns is not None else None,
        options.text_column, options.prefix, options.explain,
    )  # fmt: skip
    if twice := [name for name in job.added(scorer) if name in (columns or ())]:
        raise InputError(
            f"{source_path} has a column {twice[0]} already: --prefix model_ names the new ones "
            "otherwise."
        )
    return source, job


def _first_fields(source: Source, written: Format) -> list[str] | None:
    """Find the columns of CSV that is made from JSON lines: the fields of its first row."""
    if written.kind != "csv":
        return None
    for chunk in source.chunks(0):
        for row in chunk.rows:
            fields, _ = read_fields(row)
            if fields is not None:
                return list(fields)
    return []


def _begun(output: Output, task: Task, options: Options) -> Progress:
    if options.restart:
        output.forget()
    found = Progress.read(output.journal)
    # The name of an output that is complete may be there already, of the same command.
    is_ours = (found and found.complete) or (options.restart and Progress.read(output.run))
    if output.path.exists() and not options.overwrite and not is_ours:
        raise ConflictError(f"{output.path} is there: --overwrite replaces it.")
    if found is None:
        return Progress(task)
    if differences := task.differences(found.task):
        raise ConflictError(
            f"{output.folder} was begun with {'; '.join(differences)}: --restart begins anew."
        )
    return found


class _Run:
    """Gathers chunks, and writes them and the journal now and then."""

    def __init__(self, output: Output, progress: Progress, watch: Watch) -> None:
        self.progress = progress
        self.content: list[bytes] = []
        self._refused: list[bytes] = []
        self._bytes = 0
        self._begun_at = progress.n_rows
        self._output, self._watch = output, watch
        self._written = time.monotonic()

    def add(self, labelled: Labelled) -> None:
        self.content.append(labelled.content)
        self._refused.append(labelled.refused)
        self._bytes += len(labelled.content) + len(labelled.refused)
        so_far = self.progress
        self.progress = replace(
            so_far,
            last=labelled.last,
            n_rows=so_far.n_rows + labelled.n_rows,
            n_refused=so_far.n_refused + labelled.n_refused,
            n_positive=so_far.n_positive + labelled.n_positive,
            n_low_information=so_far.n_low_information + labelled.n_low_information,
        )
        n_rows = self.progress.n_rows
        self._watch(n_rows, n_rows - self._begun_at, labelled.fraction)
        late = time.monotonic() - self._written > _SECONDS_BETWEEN_WRITES
        if late or self._bytes > _MOST_BYTES_IN_MEMORY:
            self.write()

    def write(self) -> None:
        if not self.content:
            return
        self.progress = self._output.add(self.progress, self.content, b"".join(self._refused))
        self.progress.write(self._output.journal)
        self.content, self._refused, self._bytes = [], [], 0
        self._written = time.monotonic()
