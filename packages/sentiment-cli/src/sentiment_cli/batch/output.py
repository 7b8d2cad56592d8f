"""The file that is written: chunks join an unfinished one, which gets its name at the end."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from sentiment_cli.batch.formats import Format
from sentiment_cli.batch.journal import Progress
from sentiment_core.atomic_files import replacing, write_atomically

REFUSED: Final = ".refused.jsonl"
RUN: Final = ".run.json"
"""What follows the name of an output: rows that were refused, and what was done."""

_ROW_GROUP: Final = 20_000


def beside(path: Path, ending: str) -> Path:
    """Name a file beside another."""
    return path.with_name(f"{path.name}{ending}")


class Output:
    """An unfinished output: a folder with the rows so far, those refused, and the journal.

    What stands behind the journal's counts was written by somebody who died before the journal
    was: it is cut off.
    """

    def __init__(self, path: Path, file_format: Format) -> None:
        self.path = path
        self.run = beside(path, RUN)
        self.folder = beside(path, ".partial")
        self.journal = self.folder / "journal.json"
        self._format = file_format
        self._rows = self.folder / "rows"
        self._refused = self.folder / "refused"

    def begin(self, progress: Progress) -> None:
        """Make the files be what the journal says."""
        self.folder.mkdir(parents=True, exist_ok=True)
        _cut(self._rows, progress.output_bytes)
        _cut(self._refused, progress.refused_bytes)

    def add(self, progress: Progress, contents: Sequence[bytes], refused: bytes) -> Progress:
        """Write what follows on the rows so far; it counts when the journal says so."""
        rows, parts = progress.output_bytes, progress.parts
        if self._format.kind == "parquet":
            for content in filter(None, contents):
                write_atomically(self._part(parts), content)
                parts += 1
        else:
            rows = _append(self._rows, b"".join(contents))
        return replace(
            progress,
            parts=parts,
            output_bytes=rows,
            refused_bytes=_append(self._refused, refused),
        )

    def finish(self, progress: Progress) -> None:
        """Let the output and the refused rows get their names, and forget the unfinished files.

        The journal says that all is complete: if this ends between two steps, it is done again.
        """
        if self._format.kind == "parquet":
            with replacing(self.path) as part:
                self._join(part, progress.parts)
        elif self._rows.exists():
            self._rows.replace(self.path)
        refused = beside(self.path, REFUSED)
        if not progress.n_refused:
            refused.unlink(missing_ok=True)
        elif self._refused.exists():
            self._refused.replace(refused)
        progress.write(self.run)
        self.journal.unlink()
        self.forget()

    def forget(self) -> None:
        """Delete the unfinished files."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _part(self, number: int) -> Path:
        return self.folder / f"part-{number:08d}.arrow"

    def _join(self, target: Path, parts: int) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        def read(number: int) -> pa.Table:
            with pa.OSFile(str(self._part(number))) as file, pa.ipc.open_stream(file) as stream:
                return stream.read_all()

        tables: list[pa.Table] = []
        with pq.ParquetWriter(target, read(0).schema) as writer:
            for number in range(parts):
                tables.append(read(number))
                if sum(table.num_rows for table in tables) >= _ROW_GROUP:
                    writer.write_table(pa.concat_tables(tables))
                    tables = []
            if tables:
                writer.write_table(pa.concat_tables(tables))


def _cut(path: Path, size: int) -> None:
    with path.open("ab") as file:
        file.truncate(size)


def _append(path: Path, content: bytes) -> int:
    with path.open("ab") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        return file.tell()
