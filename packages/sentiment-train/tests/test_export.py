"""Exports of the champion, on a real MLflow database."""

import pytest

from sentiment_core.champion_pointer import POINTER_FILE, ChampionPointer
from sentiment_core.errors import ConflictError, UnreachableError
from sentiment_core.folder_store import FolderStore
from sentiment_core.model_package import load_package
from sentiment_train.registry.export import export_champion


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


def test_a_champion_that_moves_meanwhile_is_exported_too(registry, tmp_path):
    registry.make_champion("1")

    class SlowStore(FolderStore):
        def put(self, key, content):
            super().put(key, content)
            if key.endswith(POINTER_FILE):
                registry.make_champion("2")

    target = SlowStore(tmp_path / "target")
    assert export_champion(registry, target) == "2"
    assert read_pointer(tmp_path / "target").version == "2"


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


def test_a_champion_that_never_rests_is_a_conflict(registry, tmp_path):
    registry.make_champion("1")

    class RestlessStore(FolderStore):
        def put(self, key, content):
            super().put(key, content)
            if key.endswith(POINTER_FILE):
                registry.make_champion("1" if registry.champion() == "2" else "2")

    with pytest.raises(ConflictError, match="keeps changing"):
        export_champion(registry, RestlessStore(tmp_path / "target"))
