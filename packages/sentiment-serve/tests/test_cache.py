"""The cache: whatever happens to its files, a good model answers, and a start never fails."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sentiment_core.atomic_files import PART_PREFIX
from sentiment_core.errors import UnreachableError
from sentiment_core.folder_store import FolderStore
from sentiment_core.model_package import MANIFEST_FILE, PACKAGE_FILES, SCORER_FILE
from sentiment_core.registry_names import CHALLENGER, CHAMPION
from sentiment_serve.model.cache import ModelCache
from sentiment_serve.model.version import VersionRef
from tests.support.limits import no_open_files
from tests.support.tiny_models import FolderRegistry, make_scorer


def fetch(uri):
    store = FolderStore(Path(uri))
    return {name: store.get(name) for name in PACKAGE_FILES}


def nobody(uri):
    raise UnreachableError("The store does not answer.")


def fill(folder, tmp_path, *versions, alias=CHAMPION):
    """Load versions one after the other, as a worker does; returns the cache and the last ref."""
    registry, cache = FolderRegistry(tmp_path / "registry"), ModelCache(folder)
    for version in versions:
        registry.add(version, make_scorer(float(version)), alias)
        ref = registry.resolve(alias)
        assert cache.load(ref, fetch).version == version
    return cache, ref


def to_file(path):
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    path.write_bytes(b"not a folder")


def to_folder(path):
    path.unlink(missing_ok=True)
    (path / "inside").mkdir(parents=True)


def change(**values):
    def damage(path):
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return damage


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


FILE_DAMAGES = {
    "gone": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-5]),
    "a bit flipped": flip,
    "no UTF-8": lambda path: path.write_bytes(b"\xff\xfe\x00"),
    "nested": lambda path: path.write_text("[" * 100_000),
    "nested objects": lambda path: path.write_text('{"a":' * 100_000),
    "huge": lambda path: path.write_text("[" + "1," * 3_000_000 + "1]"),
    "another type": lambda path: path.write_text("[1, 2]"),
    "a folder": to_folder,
    "a broken link": lambda path: (path.unlink(), path.symlink_to("nowhere")),
    "a link to itself": lambda path: (path.unlink(), path.symlink_to(path)),
}
FIELD_DAMAGES = {
    "a number for a name": change(name=1),
    "a list for a version": change(version=["2"]),
    "half a character": change(version="\ud800"),
    "another alias": change(alias="other"),
    "a digest that leads elsewhere": change(digest="../../etc"),
    "a digest with a zero": change(digest="a\0b"),
    "no digest": change(digest=None),
    "a digest of nothing": change(digest="0" * 64),
    "a time that is none": change(verified_at=float("nan")),
    "a time in words": change(verified_at="now"),
}


def parts_of(folder, digest):
    package = folder / f"package-{digest}"
    return {
        "scorer": package / SCORER_FILE, "manifest": package / MANIFEST_FILE,
        "inner record": package / f"{CHAMPION}.json",
        "outer record": folder / f"{CHAMPION}-{digest}.json",
    }  # fmt: skip


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A cache that has seen two versions, to be copied."""
    root = tmp_path_factory.mktemp("filled")
    _, ref = fill(root / "cache", root, "1", "2")
    return root / "cache", ref


@pytest.mark.parametrize(
    ("part", "damage"),
    [(part, damage) for part in ("scorer", "manifest", "inner record", "outer record")
     for damage in FILE_DAMAGES]
    + [(part, damage) for part in ("inner record", "outer record") for damage in FIELD_DAMAGES],
)  # fmt: skip
def test_a_damaged_newest_version_leaves_one_that_answers(filled, tmp_path, part, damage):
    original, ref = filled
    folder = tmp_path / "cache"
    shutil.copytree(original, folder)
    (FILE_DAMAGES | FIELD_DAMAGES)[damage](parts_of(folder, ref.digest)[part])
    expected = "1" if part in {"scorer", "manifest"} else "2"
    model = ModelCache(folder).last_good(CHAMPION)
    assert (model.version, model.from_cache) == (expected, True)
    # The registry is back: the version is fetched once more, and the damage is repaired.
    assert ModelCache(folder).load(ref, fetch).version == "2"
    assert ModelCache(folder).load(ref, nobody).version == "2"
    assert ModelCache(folder).last_good(CHAMPION).version == "2"


@pytest.mark.parametrize("both", [to_file, shutil.rmtree])
def test_a_damaged_newest_package_leaves_the_one_before(filled, tmp_path, both):
    original, ref = filled
    folder = tmp_path / "cache"
    shutil.copytree(original, folder)
    both(folder / f"package-{ref.digest}")
    assert ModelCache(folder).last_good(CHAMPION).version == "1"
    assert ModelCache(folder).load(ref, fetch).version == "2"
    assert ModelCache(folder).last_good(CHAMPION).version == "2"


def test_a_cache_of_an_older_release_is_read(filled, tmp_path):
    original, ref = filled
    folder = tmp_path / "cache"
    shutil.copytree(original, folder)
    for record in (*folder.glob("*.json"), *folder.glob("*/champion.json")):
        record.unlink()
    old = {name: getattr(ref, name) for name in VersionRef.__dataclass_fields__}
    (folder / "champion.json").write_text(json.dumps(old))
    assert ModelCache(folder).last_good(CHAMPION).version == "2"


def test_a_folder_that_cannot_be_made_hinders_nothing(tmp_path, caplog):
    place = tmp_path / "place"
    place.write_text("a file")
    cache, ref = fill(place / "cache", tmp_path, "1", "2")
    assert cache.last_good(CHAMPION) is None
    assert cache.load(ref, fetch).version == "2"
    assert [record.levelname for record in caplog.records] == ["WARNING"]  # once
    assert "cannot be written" in caplog.text


def test_a_failed_read_neither_deletes_nor_refuses(tmp_path):
    folder = tmp_path / "cache"
    cache, ref = fill(folder, tmp_path, "1")
    before = sorted(path for path in folder.rglob("*"))
    with no_open_files():
        assert cache.last_good(CHAMPION) is None
        with pytest.raises(UnreachableError):
            cache.load(ref, nobody)
    assert sorted(path for path in folder.rglob("*")) == before
    assert cache.last_good(CHAMPION).version == "1"
    assert cache.load(ref, nobody).version == "1"


def test_the_last_versions_of_an_alias_survive_however_often_the_other_changes(tmp_path):
    folder = tmp_path / "cache"
    fill(folder, tmp_path, "1", "2")
    for path in folder.glob("package-*"):
        os.utime(path, (0, 0))
    cache, _ = fill(folder, tmp_path, *map(str, range(3, 12)), alias=CHALLENGER)
    assert len(list(folder.glob("package-*"))) == 5
    assert cache.last_good(CHAMPION).version == "2"
    assert cache.last_good(CHALLENGER).version == "11"
    records = {path.stem.partition("-")[2] for path in folder.glob("*.json")}
    assert records == {path.name.partition("-")[2] for path in folder.glob("package-*")}


def test_what_dead_writers_left_is_cleaned_up(tmp_path):
    folder = tmp_path / "cache"
    folder.mkdir()
    for name, when in (("dead", time.time() - 7200), ("alive", time.time())):
        (folder / f"{PART_PREFIX}{name}").write_bytes(b"half")
        os.utime(folder / f"{PART_PREFIX}{name}", (when, when))
    fill(folder, tmp_path, "1")
    assert [path.name for path in folder.glob(f"{PART_PREFIX}*")] == [f"{PART_PREFIX}alive"]


# Two containers on one volume: their processes may have the same id.
WORKER = """
import json, os, sys
from pathlib import Path
from sentiment_core.folder_store import FolderStore
from sentiment_core.model_package import PACKAGE_FILES
from sentiment_serve.model.cache import ModelCache
from sentiment_serve.model.version import VersionRef

os.getpid = lambda: 1
cache, refs = ModelCache(Path(sys.argv[1])), [VersionRef(**ref) for ref in json.loads(sys.argv[2])]

def fetch(uri):
    store = FolderStore(Path(uri))
    return {name: store.get(name) for name in PACKAGE_FILES}

for number in range(int(sys.argv[3])):
    ref = refs[number * int(sys.argv[4]) % len(refs)]
    assert cache.load(ref, fetch).version == ref.version
    assert cache.last_good("champion") is not None
"""


def test_workers_of_several_containers_share_a_cache_without_a_failure(tmp_path):
    registry = FolderRegistry(tmp_path / "registry")
    refs = []
    for number in range(8):  # more than the cache keeps
        registry.add(str(number), make_scorer(1.0 + number))
        refs.append(registry.resolve(CHAMPION).__dict__)
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(tmp_path / "cache"), json.dumps(refs), "60", step],
            stderr=subprocess.PIPE, text=True,
        )
        for step in "135"
    ]  # fmt: skip
    for worker in workers:
        _, errors = worker.communicate()
        assert worker.returncode == 0, errors
        assert errors == ""
    assert not list((tmp_path / "cache").rglob(f"{PART_PREFIX}*"))


@pytest.mark.anyio
class TestThroughTheApi:
    async def test_a_start_with_senseless_files_everywhere_serves(self, start, registry):
        registry.add("1")
        async with start() as running:
            folder = running.state.settings.cache_dir
        for path in (*folder.glob("*.json"), *folder.glob("*/*")):
            path.write_text("[" * 100_000)
        to_folder(folder / "recent-predictions")
        async with start() as running:
            answer = await running.predict()
            assert answer.json()["model_version"] == "1"
            body = {"request_id": answer.headers["x-request-id"], "sentiment": "positive"}
            assert (await running.client.post("/feedback", json=body)).status_code == 200

    async def test_a_home_that_is_a_file_hinders_nothing(self, start, registry, tmp_path):
        registry.add("1")
        (tmp_path / "home").write_text("a file")
        async with start() as running:
            answer = await running.predict()
            assert answer.status_code == 200
            body = {"request_id": answer.headers["x-request-id"], "sentiment": "positive"}
            statuses = [
                (await running.client.post("/feedback", json=body)).status_code for _ in range(2)
            ]
            assert statuses == [200, 409]

    async def test_a_version_is_not_refused_because_of_too_many_open_files(self, start, registry):
        registry.add("1")
        async with start() as running:
            registry.add("2", make_scorer(2.0))
            ref = registry.resolve(CHAMPION)
            running.state.watcher._source = type("Source", (), {"resolve": lambda *_: ref})()
            with no_open_files():
                await running.state.watcher.check()
            assert (await running.predict()).json()["model_version"] == "1"
            (line,) = (await running.client.get("/readyz")).json()["degraded"]
            assert "Too many open files" in line
            await running.state.watcher.check()
            assert (await running.predict()).json()["model_version"] == "2"

    async def test_a_cache_that_could_not_be_read_at_the_start_is_read_again(self, start, registry):
        registry.add("1")
        async with start() as running:
            folder = running.state.settings.cache_dir
        registry.reachable = False
        folder.rename(folder.with_name("away"))
        async with start() as running:
            assert (await running.predict()).status_code == 503
            shutil.rmtree(folder)
            folder.with_name("away").rename(folder)
            await running.state.watcher.check()
            assert (await running.predict()).json()["model_version"] == "1"

    async def test_a_refused_version_is_tried_again_after_a_while(
        self, start, registry, monkeypatch
    ):
        registry.add("1")
        async with start() as running:
            path = registry.add("2", make_scorer(2.0)) / SCORER_FILE
            content = path.read_bytes()
            path.write_bytes(b"half an upload")
            await running.state.watcher.check()
            path.write_bytes(content)
            await running.state.watcher.check()
            assert (await running.predict()).json()["model_version"] == "1"
            now = time.monotonic()
            monkeypatch.setattr("sentiment_serve.model.watcher.time.monotonic", lambda: now + 301)
            await running.state.watcher.check()
            assert (await running.predict()).json()["model_version"] == "2"
