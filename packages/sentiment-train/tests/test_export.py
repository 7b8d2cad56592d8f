"""Exports of the champion, on a real MLflow database."""

import json
from threading import Thread

import pytest

from sentiment_core.champion_pointer import POINTER_FILE, ChampionPointer
from sentiment_core.errors import ScorerError, UnreachableError
from sentiment_core.folder_store import FolderStore
from sentiment_core.model_package import SCORER_FILE, load_package
from sentiment_train.registry.export import export_champion, is_behind, keep_exported
from sentiment_train.registry.versions import Registry


@pytest.fixture
def registry(two_versions):
    return two_versions


def read_pointer(folder):
    return ChampionPointer.from_json((folder / "exported" / POINTER_FILE).read_bytes())


pytestmark = pytest.mark.filterwarnings("default")  # MLflow's own


def test_without_a_champion_nothing_is_written(registry, tmp_path):
    target = tmp_path / "target"
    assert export_champion(registry, FolderStore(target)) is None
    assert not target.exists()


def test_the_pointer_names_a_whole_version(registry, tmp_path):
    target = tmp_path / "target"
    registry.make_champion("2")
    assert export_champion(registry, FolderStore(target)) == "2"
    pointer = read_pointer(target)
    assert (pointer.name, pointer.version) == ("exported", "2")
    package = load_package(target / "exported" / pointer.package)
    assert package.scorer.digest == pointer.scorer_sha256
    assert export_champion(registry, FolderStore(target)) == "2"  # twice is once


def test_an_older_export_never_overwrites_a_newer_one(registry, tmp_path):
    """The champion moves while its files are written: the move waits for the export."""
    registry.make_champion("1")
    mover = Thread(target=lambda: Registry(registry.name).make_champion("2"))

    class SlowStore(FolderStore):
        def put(self, key, content):
            if not mover.ident:
                mover.start()
                mover.join(0.5)
            super().put(key, content)

    assert export_champion(registry, SlowStore(tmp_path / "target")) == "1"
    assert read_pointer(tmp_path / "target").version == "1"
    mover.join()
    assert keep_exported(registry, FolderStore(tmp_path / "target")) == "2"
    assert read_pointer(tmp_path / "target").version == "2"


def test_what_is_behind_is_exported_and_what_is_not_is_left(registry, tmp_path):
    target = FolderStore(tmp_path / "target")
    assert not is_behind(registry, target)  # there is no champion
    assert keep_exported(registry, target) is None
    registry.make_champion("1")
    assert is_behind(registry, target)
    assert keep_exported(registry, target) == "1"
    assert not is_behind(registry, target)
    assert keep_exported(registry, target) is None
    registry.make_champion("2")
    assert keep_exported(registry, target) == "2"
    registry.roll_back()
    assert keep_exported(registry, target) == "1"
    pointer = tmp_path / "target/exported" / POINTER_FILE
    other = json.loads(pointer.read_text()) | {"scorer_sha256": "0" * 64}
    for content in ("senseless", json.dumps(other)):  # or the model of another registry
        pointer.write_text(content)
        assert keep_exported(registry, target) == "1"


def test_an_export_that_failed_is_made_up_for(registry, tmp_path):
    registry.make_champion("1")

    class FullStore(FolderStore):
        def put(self, *_):
            raise UnreachableError("No space left.")

    with pytest.raises(UnreachableError) as caught:
        keep_exported(registry, FullStore(tmp_path / "target"))
    for part in ("stays what it is", "No space left.", "`sentiment-cli export-champion`"):
        assert part in str(caught.value)
    assert registry.champion() == "1"
    assert keep_exported(registry, FolderStore(tmp_path / "target")) == "1"


def test_a_champion_that_is_damaged_is_not_exported(registry, tmp_path):
    registry.make_champion("1")
    for scorer in (tmp_path / "home/artifacts").rglob(SCORER_FILE):
        scorer.write_bytes(b"")
    with pytest.raises(ScorerError, match="is not exported to"):
        keep_exported(registry, FolderStore(tmp_path / "target"))
    assert not (tmp_path / "target/exported" / POINTER_FILE).exists()


def test_the_pointer_is_the_last_thing_written(registry, tmp_path):
    registry.make_champion("1")

    class FullStore(FolderStore):
        def put(self, key, content):
            if key.endswith("scorer.bin"):
                raise UnreachableError("no space left")
            super().put(key, content)

    with pytest.raises(UnreachableError, match="no space left"):
        export_champion(registry, FullStore(tmp_path / "target"))
    assert not (tmp_path / "target/exported" / POINTER_FILE).exists()
