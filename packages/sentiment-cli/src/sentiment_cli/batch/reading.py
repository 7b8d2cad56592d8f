"""Reads the rows of a file in chunks, from any row on, in bounded memory."""

import csv
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, Protocol

from sentiment_cli.batch.formats import Format, missing_library
from sentiment_core.errors import DataError
from sentiment_train.data.separators import find_separator

CHUNK_ROWS: Final = 1000
CHUNK_CHARACTERS: Final = 2_000_000
"""A chunk ends with whichever comes first."""

MAX_ROW_CHARACTERS: Final = 10_000_000
"""What is longer is no row: a quotation mark that is not closed, say."""

_DAMAGES: Final = (EOFError, OSError, UnicodeDecodeError, zlib.error)
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")


class Chunk(NamedTuple):
    """Rows that stand one after the other.

    Attributes
    ----------
    first : int
        Number of the first, from 1.
    rows : list or pyarrow.RecordBatch
        Lists of fields (CSV), lines (JSON lines) or a batch (Parquet).
    fraction : float in [0, 1]
        How much of the file has been read with it.
    """

    first: int
    rows: Any
    fraction: float


class Source(Protocol):
    """A file that is read."""

    @property
    def columns(self) -> list[str] | None:
        """Names of the columns; None where each row names its own."""
        ...

    def chunks(self, skip: int) -> Iterator[Chunk]:
        """Read the rows after the first `skip`; one chunk without rows if there are none."""
        ...


def open_source(path: Path, file_format: Format, text_column: str) -> Source:
    """Open a file to be read.

    Parameters
    ----------
    path : Path
        The file.
    file_format : Format
        How it is read.
    text_column : str
        The column of the texts, by which the separator of a CSV file is found.

    Raises
    ------
    DataError
        If it cannot be read, or has no column of that name.
    """
    source: Source
    if file_format.kind == "parquet":
        source = ParquetSource(path)
    elif file_format.kind == "jsonl":
        source = JsonLinesSource(path, file_format)
    else:
        source = CsvSource(path, file_format, text_column)
    if source.columns is not None and text_column not in source.columns:
        names = ", ".join(source.columns[:20]) or "nothing"
        raise DataError(
            f"{path} has no column {text_column} but {names}: name it with --text-column."
        )
    return source


class _TextFile:
    """Text in a file that may be compressed, and how much of it has been read."""

    def __init__(self, path: Path, file_format: Format) -> None:
        self._path, self._compression = path, file_format.compression
        self._size = max(1, path.stat().st_size)

    @contextmanager
    def opened(self) -> Iterator[tuple[io.TextIOWrapper, IO[bytes]]]:
        """Open it; bytes that are no text stay what they are, for the row to be refused."""
        try:
            with self._path.open("rb") as raw, self._decompressed(raw) as stream:
                buffered = io.BufferedReader(stream, 1 << 20)
                utf16 = buffered.peek(2)[:2] in _UTF16
                options = ("utf-16", "strict") if utf16 else ("utf-8-sig", "surrogateescape")
                with io.TextIOWrapper(buffered, *options, newline="") as text:
                    yield text, raw
        except _DAMAGES as error:
            raise DataError(f"{self._path} is damaged: {error}.") from error

    def fraction(self, raw: IO[bytes]) -> float:
        return min(1.0, raw.tell() / self._size)

    def _decompressed(self, raw: IO[bytes]) -> AbstractContextManager[Any]:
        if self._compression == "gzip":
            return gzip.open(raw)
        if self._compression == "zstd":
            try:
                import pyarrow as pa
            except ImportError as error:
                raise missing_library(str(self._path)) from error
            stream: AbstractContextManager[Any] = pa.input_stream(raw, compression="zstd")
            return stream
        return _Borrowed(raw)


class _Borrowed(io.RawIOBase):
    """A file that somebody else closes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class CsvSource:
    """CSV with any separator; its first row names the columns."""

    def __init__(self, path: Path, file_format: Format, text_column: str) -> None:
        self._path, self._file = path, _TextFile(path, file_format)
        csv.field_size_limit(MAX_ROW_CHARACTERS)
        with self._file.opened() as (text, _):
            first = text.readline(MAX_ROW_CHARACTERS)
            self._separator = find_separator(first.rstrip("\r\n"), (text_column,))
        with self._file.opened() as (text, _):
            self.columns: list[str] | None = next(self._rows(text), [])

    def chunks(self, skip: int) -> Iterator[Chunk]:
        """Read the rows after the first `skip`, without empty lines."""
        with self._file.opened() as (text, raw):
            rows = self._rows(text)
            next(rows, None)
            for first, chunk in _chunked(islice(rows, skip, None), skip, lambda row: map(len, row)):
                yield Chunk(first, chunk, self._file.fraction(raw))

    def _rows(self, text: io.TextIOWrapper) -> Iterator[list[str]]:
        reader = csv.reader(text, delimiter=self._separator)
        try:
            yield from filter(None, reader)
        except csv.Error as error:
            raise DataError(
                f"{self._path} is not valid CSV near line {reader.line_num}: {error}. Is a "
                "quotation mark not closed?"
            ) from error


class JsonLinesSource:
    """One JSON object a line."""

    columns: list[str] | None = None

    def __init__(self, path: Path, file_format: Format) -> None:
        self._path, self._file = path, _TextFile(path, file_format)

    def chunks(self, skip: int) -> Iterator[Chunk]:
        """Read the lines after the first `skip`."""
        with self._file.opened() as (text, raw):
            lines = iter(lambda: text.readline(MAX_ROW_CHARACTERS + 1), "")
            for first, chunk in _chunked(
                islice(map(self._checked, lines), skip, None), skip, lambda line: (len(line),)
            ):
                yield Chunk(first, chunk, self._file.fraction(raw))

    def _checked(self, line: str) -> str:
        if len(line) > MAX_ROW_CHARACTERS:
            raise DataError(
                f"{self._path} has a line of more than {MAX_ROW_CHARACTERS:,} characters: write "
                "one object a line."
            )
        return line


class ParquetSource:
    """A Parquet file."""

    def __init__(self, path: Path) -> None:
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError as error:
            raise missing_library(str(path)) from error
        try:
            self._file = pq.ParquetFile(path)
        except pa.ArrowInvalid as error:
            raise DataError(f"{path} is not a Parquet file that can be read: {error}.") from error
        self.columns: list[str] | None = list(self._file.schema_arrow.names)

    def chunks(self, skip: int) -> Iterator[Chunk]:
        """Read the rows after the first `skip`."""
        total, row = self._file.metadata.num_rows, 0
        if total <= skip:
            yield Chunk(skip + 1, self._empty(), 1.0)
        for group in range(self._file.num_row_groups):
            n_rows = self._file.metadata.row_group(group).num_rows
            if row + n_rows <= skip:
                row += n_rows
                continue
            for batch in self._file.iter_batches(CHUNK_ROWS, row_groups=[group]):
                wanted = batch.slice(max(0, min(skip - row, batch.num_rows)))
                row += batch.num_rows
                if wanted.num_rows:
                    yield Chunk(row - wanted.num_rows + 1, wanted, row / total)

    def _empty(self) -> Any:
        import pyarrow as pa

        schema = self._file.schema_arrow
        return pa.RecordBatch.from_arrays(
            [pa.array([], column.type) for column in schema], schema=schema
        )


def _chunked(rows: Iterable[Any], skip: int, lengths: Any) -> Iterator[tuple[int, list[Any]]]:
    chunk: list[Any] = []
    first, characters = skip + 1, 0
    for row in rows:
        chunk.append(row)
        characters += sum(lengths(row))
        if len(chunk) == CHUNK_ROWS or characters > CHUNK_CHARACTERS:
            yield first, chunk
            first, chunk, characters = first + len(chunk), [], 0
    if chunk or first == skip + 1:
        yield first, chunk
