"""Files of any size are labelled: every row once, in its order, whatever happens in between."""

import csv
import errno
import gzip
import io
import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentiment_cli.batch import file_run, output, reading
from sentiment_cli.batch.file_run import Options, finished, label_file
from sentiment_cli.batch.formats import Format, format_of
from sentiment_cli.batch.journal import Progress, Task
from sentiment_cli.batch.labelling import Job, header, label_chunk
from sentiment_cli.batch.places import Target, alone, pair
from sentiment_cli.batch.processes import LabellingProcesses, ThisProcess
from sentiment_cli.batch.reading import Chunk
from sentiment_cli.batch.run import label_input
from sentiment_cli.buckets import make_buckets
from sentiment_cli.registered_model import Model
from sentiment_core.errors import ConflictError, DataError, InputError, RunError, UnreachableError
from sentiment_core.prediction import BLANK_TEXT
from sentiment_core.s3_store import S3Store
from sentiment_core.store_settings import StoreSettings
from tests.support.moto_store import moto_store
from tests.support.tiny_models import make_scorer

OPTIONS = Options("text", prefix="", explain=0, restart=False, overwrite=False)
SCORER = make_scorer()
TEXTS = ["good film", "bad film", "nobody knows", 'say "good", twice\nor more', "gut 👍 good"]
ROWS = [{"id": str(n), "text": TEXTS[n % len(TEXTS)], "more": "é;,x"} for n in range(50)]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """Everything happens often: chunks of seven rows, each of which is written at once."""
    monkeypatch.setattr(reading, "CHUNK_ROWS", 7)
    monkeypatch.setattr(file_run, "_SECONDS_BETWEEN_WRITES", -1.0)


def write(path, rows):
    """Write rows as the ending of the file says."""
    kind, compression, separator = format_of(path.name)
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=20)
        return path
    if kind == "jsonl":
        text = "".join(f"{json.dumps(row)}\n" for row in rows)
    else:
        lines = io.StringIO()
        writer = csv.DictWriter(lines, list(rows[0]), delimiter=separator)
        writer.writeheader()
        writer.writerows(rows)
        text = lines.getvalue()
    content = text.encode()
    if compression == "gzip":
        content = gzip.compress(content)
    elif compression:
        content = pa.Codec("zstd").compress(content, asbytes=True)
    path.write_bytes(content)
    return path


def read(path):
    """Read rows back with other libraries than those that wrote them."""
    kind, compression, separator = format_of(path.name)
    if kind == "parquet":
        return pq.read_table(path).to_pylist()
    content = path.read_bytes()
    if compression == "gzip":
        content = gzip.decompress(content)
    elif compression:
        with pa.input_stream(path, compression="zstd") as stream:
            content = stream.read()
    text = content.decode()
    if kind == "jsonl":
        return [json.loads(line) for line in text.splitlines()]
    return list(csv.DictReader(io.StringIO(text), delimiter=separator))


def make_task(path, **values):
    task = Task(str(path), path.stat().st_size, "now", "m", "1", SCORER.digest, "text", "", 0)
    return replace(task, **values)


def label(source, target, *, task=None, processes=None, watch=lambda *_: None, **options):
    return label_file(
        source, target, task or make_task(source), SCORER, processes or ThisProcess(SCORER),
        replace(OPTIONS, **options), watch,
    )  # fmt: skip


def answers(rows):
    return [(row["id"], row["sentiment"], float(row["confidence"])) for row in rows]


EXPECTED = [
    (row["id"], "positive" if SCORER.predict_positive(row["text"]) >= 0.5 else "negative",
     round(max(SCORER.predict_positive(row["text"]), 1 - SCORER.predict_positive(row["text"])), 6))
    for row in ROWS
]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("in.csv", "out.csv"), ("in.tsv", "out.csv"), ("in.csv.gz", "out.csv.zst"),
        ("in.csv.zst", "out.jsonl.gz"), ("in.csv", "out.parquet"), ("in.jsonl", "out.jsonl"),
        ("in.jsonl.zst", "out.tsv"), ("in.parquet", "out.parquet"), ("in.parquet", "out.jsonl"),
        ("in.parquet", "out.csv.gz"),
    ],
)  # fmt: skip
def test_every_row_is_labelled_once_in_its_order_with_all_its_columns(tmp_path, source, target):
    path = write(tmp_path / source, ROWS)
    result = label(path, tmp_path / target)
    rows = read(tmp_path / target)
    assert answers(rows) == EXPECTED
    assert [(row["text"], row["more"]) for row in rows] == [
        (row["text"], row["more"]) for row in ROWS
    ]
    low = [str(row["low_information"]).lower() for row in rows[:3]]
    assert low == ["false", "false", "true"]
    assert (result.n_rows, result.n_refused, result.complete) == (50, 0, True)
    assert {found.name for found in tmp_path.iterdir()} == {source, target, f"{target}.run.json"}


@pytest.mark.parametrize("separator", [";", "|", "\t"])
def test_a_csv_file_says_its_separator_and_its_encoding(tmp_path, separator):
    text = f'id{separator}text\r\n1{separator}"good; | film"\r\n'
    for encoding in ("utf-8-sig", "utf-16"):
        path = tmp_path / "in.csv"
        path.write_bytes(text.encode(encoding))
        label(path, tmp_path / "out.csv", overwrite=True)
        assert read(tmp_path / "out.csv")[0]["text"] == "good; | film"


@pytest.mark.parametrize("target", ["out.csv", "out.jsonl", "out.parquet"])
def test_a_file_without_rows_is_one_without_labels(tmp_path, target):
    path = tmp_path / "in.csv"
    path.write_text("id,text\n")
    assert label(path, tmp_path / target).n_rows == 0
    assert read(tmp_path / target) == []
    if target == "out.parquet":
        assert pq.read_schema(tmp_path / target).names[:3] == ["id", "text", "sentiment"]


def test_rows_that_cannot_be_scored_stand_aside_with_their_reason(tmp_path):
    path = tmp_path / "in.csv"
    path.write_bytes(b"id,text\n1,good\n2, \n3,too,many\n4,caf\xe9\n\n5,bad\n6\n")
    result = label(path, tmp_path / "out.csv")
    assert [row["id"] for row in read(tmp_path / "out.csv")] == ["1", "5"]
    refused = [(line["row"], line["reason"]) for line in read(tmp_path / "out.csv.refused.jsonl")]
    assert refused == [
        (2, BLANK_TEXT), (3, "It has 3 fields, the header 2."), (4, "Its text is not UTF-8."),
        (6, "It has 1 fields, the header 2."),
    ]  # fmt: skip
    assert (result.n_rows, result.n_refused) == (6, 4)
    lines = ['{"text": "good"}', "", "nonsense", "[1]", '{"x": 1}', '{"text": 5}',
             '{"text": "\\ud800"}', '{"text": "bad", "x": "\\ud800"}']  # fmt: skip
    path = tmp_path / "in.jsonl"
    path.write_text("\n".join(lines))
    result = label(path, tmp_path / "out.jsonl")
    assert [row["sentiment"] for row in read(tmp_path / "out.jsonl")] == ["positive", "negative"]
    assert [line["row"] for line in read(tmp_path / "out.jsonl.refused.jsonl")] == [3, 4, 5, 6, 7]
    assert (result.n_rows, result.last) == (7, 8)


def test_json_lines_become_csv_with_the_fields_of_the_first_row(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text('{"text": "good", "tags": ["a"]}\n{"text": "bad"}\n{"text": "bad", "y": 1}\n')
    label(path, tmp_path / "out.csv")
    assert [(row["text"], row["tags"]) for row in read(tmp_path / "out.csv")] == [
        ("good", '["a"]'), ("bad", ""),
    ]  # fmt: skip
    (refused,) = read(tmp_path / "out.csv.refused.jsonl")
    assert refused["reason"] == "It has fields that the first row has not: y."


def test_terms_and_names_are_written_too(tmp_path):
    named = make_scorer(labels={"negative": "complaint", "positive": "praise"})
    for target in ("jsonl", "csv", "parquet"):
        job = Job(Format("csv"), Format(target), ("text",), "text", "m_", 1)
        assert b"m_label" in (header(job, named) or b"m_label")
        content = label_chunk(named, job, Chunk(1, [["good film"]], 1.0)).content
        if target == "parquet":
            pq.write_table(pa.ipc.open_stream(content).read_all(), tmp_path / "out.parquet")
        else:
            (tmp_path / f"out.{target}").write_bytes(header(job, named) + content)
        (row,) = read(tmp_path / f"out.{target}")
        assert row["m_label"] == "praise"
        terms = row["m_terms"] if target == "jsonl" else json.loads(row["m_terms"])
        assert list(terms) == ["good"]


@pytest.mark.parametrize(
    ("name", "content", "target", "error", "message"),
    [
        ("in.csv", "id,review\n", "out.csv", DataError, "no column text but id, review: name it"),
        ("in.csv", "", "out.csv", DataError, "no column text but nothing"),
        ("in.csv", "text,sentiment\nx,y\n", "out.csv", InputError, "--prefix model_"),
        ("in.csv", 'text\n"never closed', "out.csv", None, None),
        ("in.jsonl", "{}", "out.parquet", InputError, "JSON lines become JSON lines or CSV"),
        ("in.csv.gz", "no gzip", "out.csv", DataError, "damaged"),
        ("in.csv.zst", "no zstd", "out.csv", DataError, "damaged"),
        ("in.parquet", "no parquet", "out.csv", DataError, "not a Parquet file"),
        ("in.csv", "text\nx\n", "out.parquet.gz", InputError, "name a file .csv"),
        ("in.csv", "text\nx\x00y\n", "out.csv", None, None),
    ],
)
def test_a_file_that_does_not_fit_is_a_plain_error(tmp_path, name, content, target, error, message):
    (tmp_path / name).write_text(content)
    if error is None:
        label(tmp_path / name, tmp_path / target)
        return
    with pytest.raises(error, match=message):
        label(tmp_path / name, tmp_path / target)
    assert not (tmp_path / target).exists()


def test_a_field_beyond_all_bounds_is_an_error_and_not_all_of_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MAX_ROW_CHARACTERS", 100)
    (tmp_path / "in.csv").write_text('text\n"never closed' + "\nx" * 200)
    with pytest.raises(DataError, match="quotation mark not closed"):
        label(tmp_path / "in.csv", tmp_path / "out.csv")
    (tmp_path / "in.jsonl").write_text(f'{{"text": "{"x" * 200}"}}\n')
    with pytest.raises(DataError, match="a line of more than 100 characters"):
        label(tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    csv.field_size_limit(1 << 17)


class Died(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("target", ["out.csv", "out.jsonl.gz", "out.parquet"])
@pytest.mark.parametrize("fault", range(50))
def test_whatever_it_dies_in_the_next_command_completes_it(tmp_path, monkeypatch, target, fault):
    """It dies before the n-th change of the disk."""
    path = write(tmp_path / "in.csv", [*ROWS[:20], {**ROWS[0], "text": " "}, *ROWS[20:]])
    label(path, tmp_path / f"whole-{target}")
    changes = iter(range(1000))

    def dying(function):
        def call(*arguments, **options):
            if next(changes) == fault:
                raise Died
            return function(*arguments, **options)

        return call

    with monkeypatch.context() as patched:
        for owner, name in (
            (output, "_append"), (output, "_cut"), (output, "write_atomically"),
            (Path, "replace"), (Path, "unlink"), (output.shutil, "rmtree"), (Progress, "write"),
        ):  # fmt: skip
            patched.setattr(owner, name, dying(getattr(owner, name)))
        try:
            label(path, tmp_path / target)
            died = False
        except Died:
            died = True
    task = make_task(path)
    if not finished(tmp_path / target, task):
        assert died
        label(path, tmp_path / target)
    assert finished(tmp_path / target, task)
    assert read(tmp_path / target) == read(tmp_path / f"whole-{target}")
    refused = f"{target}.refused.jsonl"
    assert [line["row"] for line in read(tmp_path / refused)] == [21]
    assert not (tmp_path / f"{target}.partial").exists()


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.integers()), max_size=30
    ),
    stop=st.integers(0, 6),
)
def test_any_text_survives_and_any_stop_loses_nothing(tmp_path_factory, rows, stop):
    folder = tmp_path_factory.mktemp("any")
    path = folder / "in.jsonl"
    path.write_text("".join(f"{json.dumps({'text': t, 'n': n})}\n" for t, n in rows))
    seen = []

    def stopping(*_):
        seen.append(1)
        if len(seen) > stop:
            raise Died

    try:
        label(path, folder / "out.jsonl", watch=stopping)
    except Died:
        label(path, folder / "out.jsonl")
    kept = [json.loads(line) for line in (folder / "out.jsonl").read_text().split("\n") if line]
    assert [(row["text"], row["n"]) for row in kept] == [
        (text, n) for text, n in rows if text and not text.isspace()
    ]


def test_what_is_there_is_neither_replaced_nor_mixed_with_something_else(tmp_path):
    path, target = write(tmp_path / "in.csv", ROWS), tmp_path / "out.csv"
    target.write_text("mine")
    with pytest.raises(ConflictError, match="--overwrite"):
        label(path, target)
    assert target.read_text() == "mine"

    def stopping(rows, *_):
        if rows > 10:
            raise Died

    with pytest.raises(Died):
        label(path, target, watch=stopping, overwrite=True)
    assert target.read_text() == "mine"
    other = make_task(path, model_version="2", scorer_digest="x")
    with pytest.raises(ConflictError, match=r"model version 1 instead of 2; scorer digest .*anew"):
        label(path, target, task=other, overwrite=True)
    label(path, target, task=other, overwrite=True, restart=True)
    assert answers(read(target)) == EXPECTED
    assert finished(target, other)
    assert not finished(target, make_task(path))


def test_processes_label_what_one_process_does(tmp_path):
    path = write(tmp_path / "in.csv", ROWS * 40)
    SCORER.save(tmp_path / "scorer.bin")
    label(path, tmp_path / "one.csv")
    with LabellingProcesses(tmp_path / "scorer.bin", 2) as processes:
        label(path, tmp_path / "two.csv", processes=processes)
    assert (tmp_path / "two.csv").read_bytes() == (tmp_path / "one.csv").read_bytes()


def test_a_process_that_is_killed_is_a_plain_error_and_the_next_command_goes_on(tmp_path):
    path = write(tmp_path / "in.csv", ROWS * 40)
    SCORER.save(tmp_path / "scorer.bin")
    with LabellingProcesses(tmp_path / "scorer.bin", 2) as processes:

        def kill_one(*_):
            for process in list(processes._pool._processes.values())[:1]:
                os.kill(process.pid, signal.SIGKILL)
                process.join()

        with pytest.raises(RunError, match="goes on where it stopped"):
            label(path, tmp_path / "out.csv", processes=processes, watch=kill_one)
    assert 0 < Progress.read(tmp_path / "out.csv.partial" / "journal.json").last < 2000
    label(path, tmp_path / "out.csv")
    assert answers(read(tmp_path / "out.csv")) == EXPECTED * 40


def run_pairs(source, target, settings, work, **options):
    """Label all files; how often each was labelled anew."""
    counts = []
    for found, to in pair(source, target, settings, work):
        chunks = []
        label_input(
            found, to, Model("m", "1", SCORER), ThisProcess(SCORER), replace(OPTIONS, **options),
            lambda *_, seen=chunks: seen.append(1), work,
        )  # fmt: skip
        counts.append(bool(chunks))
    return counts


def test_a_folder_becomes_a_folder_and_what_is_done_is_not_done_again(tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    (source / "notes.md").write_text("not a table")
    for name in ("a.csv", "b.jsonl.gz"):
        write(source / name, ROWS)
    arguments = (str(source), str(tmp_path / "out"), StoreSettings(), tmp_path)
    assert run_pairs(*arguments) == [True, True]
    assert answers(read(tmp_path / "out" / "b.jsonl.gz")) == EXPECTED
    assert run_pairs(*arguments) == [False, False]
    assert run_pairs(*arguments, restart=True) == [True, True]
    assert answers(read(tmp_path / "out" / "a.csv")) == EXPECTED
    (tmp_path / "out" / "a.csv.run.json").unlink()
    with pytest.raises(ConflictError, match="--overwrite"):
        run_pairs(*arguments, restart=True)  # perhaps it is somebody else's
    with pytest.raises(InputError, match="would replace the reviews"):
        pair(str(source), str(source), StoreSettings(), tmp_path)
    with pytest.raises(InputError, match="is a folder"):
        pair(str(source), "one.csv", StoreSettings(), tmp_path)
    with pytest.raises(InputError, match="holds no file"):
        pair(str(tmp_path / "out" / ".."), "x", StoreSettings(), tmp_path)


def test_files_of_a_store_become_files_of_a_store(tmp_path):
    with moto_store() as (settings, _):
        make_buckets(settings)
        store = S3Store("s3://data/reviews", settings)
        for name in ("a.csv", "b.parquet"):
            store.put_file(name, write(tmp_path / name, ROWS))
        store.put("deeper/c.csv", b"text\nx\n")
        arguments = ("s3://data/reviews/", "s3://data/labelled", settings, tmp_path / "work")
        assert run_pairs(*arguments) == [True, True]
        labelled = S3Store("s3://data/labelled", settings)
        assert [found.key for found in labelled.list()] == [
            "a.csv", "a.csv.run.json", "b.parquet", "b.parquet.run.json",
        ]  # fmt: skip
        labelled.get_file("b.parquet", tmp_path / "back.parquet")
        assert answers(read(tmp_path / "back.parquet")) == EXPECTED
        left = [found for found in (tmp_path / "work").rglob("*") if found.is_file()]
        assert {found.suffix for found in left} == {".lock"}
        assert run_pairs(*arguments) == [False, False]
        store.put_file("a.csv", write(tmp_path / "a.csv", ROWS[:3]))
        with pytest.raises(ConflictError, match="--overwrite"):
            run_pairs(*arguments)
        one = ("s3://data/reviews/a.csv", str(tmp_path / "here.csv"), settings, tmp_path)
        assert run_pairs(*one) == [True]
        assert len(read(tmp_path / "here.csv")) == 3


def test_one_command_at_a_time_writes_an_output(tmp_path):
    mine = Target("out.csv", tmp_path / "out.csv")
    with alone(mine, tmp_path):
        with (
            pytest.raises(ConflictError, match=r"Another command writes out\.csv just now"),
            alone(mine, tmp_path),
        ):
            raise AssertionError("both write")
        with alone(Target("other.csv", tmp_path / "other.csv"), tmp_path):
            pass
    with alone(mine, tmp_path):
        pass


def test_a_full_disk_is_told_and_loses_nothing(tmp_path, monkeypatch):
    path, target = write(tmp_path / "in.csv", ROWS), tmp_path / "out.csv"
    original, count = output._append, iter(range(100))

    def full(file, content):
        if next(count) == 5:
            with file.open("ab") as part:
                part.write(content[: len(content) // 2])
            raise OSError(errno.ENOSPC, "No space left on device", str(file))
        return original(file, content)

    with monkeypatch.context() as patched:
        patched.setattr(output, "_append", full)
        with pytest.raises(OSError, match="No space left"):
            label(path, target)
    label(path, target)
    assert answers(read(target)) == EXPECTED


@pytest.mark.parametrize("failing", range(2))
def test_what_a_store_did_not_take_is_delivered_and_not_labelled_again(
    tmp_path, monkeypatch, failing
):
    with moto_store() as (settings, _):
        make_buckets(settings)
        arguments = (str(write(tmp_path / "in.csv", ROWS)), "s3://data/labelled/out.csv",
                     settings, tmp_path / "work")  # fmt: skip
        calls, original = iter(range(100)), S3Store.put_file

        def refuse(self, key, source):
            if next(calls) == failing:
                raise UnreachableError("The store does not answer.")
            original(self, key, source)

        with monkeypatch.context() as patched:
            patched.setattr(S3Store, "put_file", refuse)
            with pytest.raises(UnreachableError):
                run_pairs(*arguments)
        assert run_pairs(*arguments) == [False]
        S3Store("s3://data/labelled", settings).get_file("out.csv", tmp_path / "back.csv")
        assert answers(read(tmp_path / "back.csv")) == EXPECTED
        assert run_pairs(*arguments) == [False]
