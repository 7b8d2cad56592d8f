"""Which file a training takes, and what it says of it."""

import json

import pandas as pd
import pytest

from sentiment_core.errors import DataError
from sentiment_train.data import training_data
from sentiment_train.data.dataset import load_dataset
from sentiment_train.data.prepare import prepare_dataset
from sentiment_train.data.provenance import provenance_path, read_provenance
from sentiment_train.data.sources.csv_file import CsvSource
from sentiment_train.data.sources.package import PackageSource
from sentiment_train.data.training_data import provide_data_file, read_training_data
from sentiment_train.settings import TrainSettings


class SmallPackage(PackageSource):
    """A hundred reviews under the name and the description of the real source."""

    def load(self):
        texts = [f"review number {n}" for n in range(100)]
        return pd.DataFrame({"text": texts, "label": [0, 1] * 50})


@pytest.fixture
def asked(params, tmp_path):
    """Makes parameters that ask for other data."""

    def ask(**data):
        data = {"path": "data/reviews.csv", "samples": 40} | data
        return params.model_copy(update={"data": params.data.model_copy(update=data)})

    return ask


@pytest.fixture
def provide(tmp_path, monkeypatch):
    """Provides the file and reads it; remembers what was told."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training_data, "find_source", lambda *_, **__: SmallPackage())
    settings = TrainSettings(sentiment_home=tmp_path / "home")

    def run(params, data_path=None):
        run.notes.clear()
        path = provide_data_file(params, data_path, settings, run.notes.append)
        return read_training_data(path, params)

    run.notes = []
    return run


def write_own(path, count=30):
    path.parent.mkdir(exist_ok=True)
    path.write_text("text,label\n" + "".join(f"film {i},{i % 2}\n" for i in range(count)))
    return path


def facts(data):
    return (data.params.data.source, data.params.data.samples, len(data.frame))


def test_a_missing_file_is_made_and_then_kept(provide, asked):
    assert facts(provide(asked())) == ("package", 40, 40)
    before = (path := provide(asked()).path).stat().st_mtime_ns
    provide(asked())
    assert path.stat().st_mtime_ns == before
    assert provide.notes == []


def test_a_named_file_is_taken_as_it_is_also_where_the_parameters_keep_theirs(provide, asked):
    first = provide(asked())
    again = provide(asked(samples=60), first.path)
    assert again.md5 == first.md5
    assert facts(again) == ("package", 40, 40)
    assert "taken as it is; not used: data.samples (60)" in provide.notes[0]


def test_a_named_file_that_is_missing_is_not_made(provide, asked, tmp_path):
    with pytest.raises(DataError, match=r"No data file .*reviews.csv"):
        provide(asked(), tmp_path / "data/reviews.csv")
    assert not (tmp_path / "data").exists()


def test_a_file_with_other_parameters_is_made_again(provide, asked):
    provide(asked())
    second = provide(asked(samples=60, seed=7))
    assert facts(second) == ("package", 60, 60)
    assert second.params.data.seed == read_provenance(second.path).seed == 7
    (note,) = provide.notes
    assert "was made again: it had samples 40, not 60; seed 42, not 7" in note


def test_an_edited_file_is_an_error_that_says_how(provide, asked):
    path = provide(asked()).path
    write_own(path)
    with pytest.raises(DataError, match=r"was changed since.*prepare-data --force.*--data-path"):
        provide(asked())
    assert len(load_dataset(path)) == 30


def test_a_file_of_the_users_own_can_be_named(provide, asked, tmp_path):
    for path in ("data/reviews.csv", "own.csv"):
        data = provide(asked(), write_own(tmp_path / path))
        assert facts(data) == ("csv", None, 30)
        assert data.provenance is None
        assert data.params.data.path.endswith(path)
        (note,) = provide.notes
        assert "taken as it is; not used: data.source (package), data.samples (40)" in note


def test_a_prepared_file_that_is_named_is_described_by_its_own_record(provide, asked, tmp_path):
    prepare_dataset(SmallPackage(), tmp_path / "weak.csv", samples=20, seed=42)
    data = provide(asked(source="stanford"), tmp_path / "weak.csv")
    assert facts(data) == ("package", 20, 20)
    assert "data.source (stanford), data.samples (40)" in provide.notes[0]


def test_one_seed_cannot_claim_a_sample_that_was_drawn_with_another(provide, asked, tmp_path):
    prepare_dataset(SmallPackage(), tmp_path / "weak.csv", samples=20, seed=1)
    data = provide(asked(seed=2), tmp_path / "weak.csv")
    assert facts(data) == ("csv", None, 20)
    assert data.params.data.seed == 2
    assert data.provenance.seed == 1


def test_the_parameters_of_a_run_make_the_same_data_again(provide, asked, tmp_path):
    first = provide(asked(samples=60))
    first.path.unlink()
    assert provide(first.params).md5 == first.md5
    own = provide(asked(), write_own(tmp_path / "own.csv"))
    again = provide(own.params)
    assert (again.md5, again.params) == (own.md5, own.params)


def test_source_csv_takes_the_users_file_or_says_how_to_make_one(provide, asked, tmp_path):
    how = "prepare-data --source csv --input FILE --output data/reviews.csv"
    with pytest.raises(DataError, match=f"No data file data/reviews.csv.*{how}"):
        provide(asked(source="csv"))
    write_own(tmp_path / "data/reviews.csv")
    assert facts(provide(asked(source="csv"))) == ("csv", None, 30)


def test_source_csv_knows_a_sample_that_was_made_otherwise(provide, asked, tmp_path):
    own = write_own(tmp_path / "own.csv")
    prepare_dataset(CsvSource(own), tmp_path / "data/reviews.csv", samples=20, seed=42)
    assert facts(provide(asked(source="csv", samples=20))) == ("csv", 20, 20)
    with pytest.raises(DataError, match="samples 20, not 22"):
        provide(asked(source="csv", samples=22))
    with pytest.raises(DataError, match=r"cannot be made again.*source csv, not package"):
        provide(asked())
    prepare_dataset(SmallPackage(), tmp_path / "data/reviews.csv", samples=20, seed=42)
    with pytest.raises(DataError, match="source package, not csv"):
        provide(asked(source="csv", samples=20))


def test_a_record_of_a_later_version_is_read(provide, asked):
    path = provide(asked()).path
    record = json.loads(provenance_path(path).read_text()) | {"something": "new"}
    provenance_path(path).write_text(json.dumps(record))
    assert facts(provide(asked())) == ("package", 40, 40)
