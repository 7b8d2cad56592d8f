import json

import pandas as pd
import pytest

from sentiment_core.errors import DataError
from sentiment_train.data.dataset import load_dataset, text_fingerprints
from sentiment_train.data.prepare import ensure_dataset, prepare_dataset, report_paths
from sentiment_train.data.provenance import provenance_path, read_provenance
from sentiment_train.data.sources.csv_file import CsvSource
from sentiment_train.data.sources.package import PackageSource


class ListSource:
    name, description, input_sha256 = "hub", "a list", None
    origin, licence = "these tests <and no others>", "free"

    def __init__(self, rows):
        self.rows = rows

    def load(self):
        return pd.DataFrame(self.rows, columns=["text", "label"])


ROWS = [(f"fine film {i}", 1) for i in range(30)] + [(f"poor film {i}", 0) for i in range(30)]


def test_a_sample_is_balanced_distinct_and_mixed(tmp_path):
    prepared = prepare_dataset(PackageSource(), tmp_path / "a.csv", samples=400, seed=5)
    frame = load_dataset(tmp_path / "a.csv")
    assert len(frame) == prepared.rows == 400
    assert frame["label"].sum() == prepared.positive == 200
    assert len(set(text_fingerprints(frame["text"]))) == 400
    assert frame["label"].head(50).nunique() == 2


def test_the_same_input_gives_the_same_bytes(tmp_path):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        prepare_dataset(ListSource(ROWS), tmp_path / f"{name}.csv", samples=20, seed=seed)
    first, same, other = ((tmp_path / f"{name}.csv").read_bytes() for name in "abc")
    assert first == same != other


def test_duplicates_and_contradictions_are_dropped_and_counted(tmp_path):
    rows = [*ROWS, ("FINE film 1!", 1), ("<b>poor</b> film 2", 0), ("odd", 0), ("Odd!", 1)]
    prepared = prepare_dataset(ListSource(rows), tmp_path / "a.csv", samples=None, seed=0)
    assert prepared.rows == 60
    assert prepared.duplicates_dropped == 2
    assert prepared.contradictions_dropped == 2


def test_too_many_samples_are_refused_and_leave_no_file(tmp_path):
    with pytest.raises(DataError, match=r"30 distinct reviews with the label 0.*at most 60"):
        prepare_dataset(ListSource(ROWS), tmp_path / "a.csv", samples=62, seed=0)
    assert list(tmp_path.iterdir()) == []


def test_provenance_is_known_until_the_file_changes(tmp_path):
    path = tmp_path / "a.csv"
    prepared = prepare_dataset(ListSource(ROWS), path, samples=20, seed=0)
    assert read_provenance(path) == prepared
    path.write_text("text,label\nother,1\n")
    assert read_provenance(path) is None
    assert read_provenance(tmp_path / "none.csv") is None


def own_file(path, count=30):
    path.write_text("text,label\n" + "".join(f"film {i},{i % 2}\n" for i in range(count)))
    return CsvSource(path)


def test_what_is_asked_for_is_kept(tmp_path):
    path = tmp_path / "a.csv"
    first = ensure_dataset(ListSource(ROWS), path, samples=20, seed=0)
    before = path.stat().st_mtime_ns
    second = ensure_dataset(ListSource([]), path, samples=20, seed=0)
    assert (first.created, second.created) == (True, False)
    assert second.record == first.record
    assert path.stat().st_mtime_ns == before


def test_what_was_made_otherwise_is_made_again_and_said(tmp_path):
    path = tmp_path / "a.csv"
    ensure_dataset(ListSource(ROWS), path, samples=20, seed=0)
    outcome = ensure_dataset(ListSource(ROWS), path, samples=None, seed=3)
    assert outcome.differences == ("samples 20, not null (all)", "seed 0, not 3")
    assert read_provenance(path).rows == len(load_dataset(path)) == 60
    other = ListSource(ROWS)
    other.description = "a list, second edition"
    outcome = ensure_dataset(other, path, samples=None, seed=3)
    assert outcome.differences == ("source a list, not a list, second edition",)


@pytest.mark.parametrize("made", [True, False])
def test_a_file_of_the_users_own_is_replaced_by_force_alone(tmp_path, made):
    path = tmp_path / "a.csv"
    if made:
        ensure_dataset(ListSource(ROWS), path, samples=20, seed=0)
    path.write_text("text,label\nmine,1\n")
    why = "was changed since prepare-data made it" if made else "was not made by prepare-data"
    with pytest.raises(DataError, match=rf"a\.csv {why}.*--output.*--force"):
        ensure_dataset(ListSource(ROWS), path, samples=20, seed=0)
    assert path.read_text() == "text,label\nmine,1\n"
    assert ensure_dataset(ListSource(ROWS), path, samples=20, seed=0, force=True).created


def test_a_sample_of_a_users_file_is_made_again_only_from_the_same_content(tmp_path):
    path, own = tmp_path / "a.csv", tmp_path / "own.csv"
    ensure_dataset(own_file(own), path, samples=20, seed=0)
    assert not ensure_dataset(CsvSource(own), path, samples=20, seed=0).created
    assert ensure_dataset(CsvSource(own), path, samples=22, seed=0).created
    before = path.read_bytes()
    for source, difference in (
        (own_file(own, 40), "other content of the input than CSV file own.csv has now"),
        (ListSource(ROWS), "source csv, not hub"),
    ):
        with pytest.raises(DataError, match=f"{difference}.*--force"):
            ensure_dataset(source, path, samples=22, seed=0)
    assert path.read_bytes() == before


def test_a_missing_input_is_an_error_whatever_lies_there(tmp_path):
    path, own = tmp_path / "a.csv", tmp_path / "own.csv"
    ensure_dataset(own_file(own), path, samples=20, seed=0)
    own.unlink()
    with pytest.raises(DataError, match=r"No input file .*own\.csv.*--input"):
        ensure_dataset(CsvSource(own), path, samples=20, seed=0)


def test_a_place_that_cannot_be_written_is_a_plain_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"Cannot write .*--output"):
        prepare_dataset(ListSource(ROWS), tmp_path / "file/a.csv", samples=20, seed=0)


def test_records_of_the_first_version_are_read(tmp_path):
    path = tmp_path / "a.csv"
    source = ListSource(ROWS)
    source.name, source.description = "package", PackageSource().description
    prepare_dataset(source, path, samples=20, seed=0)
    record = json.loads(provenance_path(path).read_text())
    for name in ("source_name", "input_sha256", "origin", "licence"):
        del record[name]
    provenance_path(path).write_text(json.dumps(record))
    assert read_provenance(path).source_name == "package"
    assert not ensure_dataset(source, path, samples=20, seed=0).created


def test_the_report_states_origin_and_licence(tmp_path):
    path = tmp_path / "a.csv"
    prepared = prepare_dataset(ListSource(ROWS), path, samples=20, seed=0)
    as_json, as_html = (report.read_text() for report in report_paths(path))
    assert json.loads(as_json)["provenance"]["licence"] == prepared.licence == "free"
    assert "<td>these tests &lt;and no others&gt;" in as_html
