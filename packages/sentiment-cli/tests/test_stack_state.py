"""Database, buckets, backup and waiting, with the stack's real PostgreSQL and its real store."""

import shutil
import tempfile
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import psycopg2
import pytest

from sentiment_cli.bucket_backup import restore_buckets, save_buckets, saved_buckets
from sentiment_cli.buckets import BUCKETS, find_buckets, make_buckets, open_buckets
from sentiment_cli.settings import StackSettings
from sentiment_cli.stack.backup import back_up, restore, stateful_parts
from sentiment_cli.stack.database import SQL_ERRORS, SUPERUSER, connect, mapped_sql_errors
from sentiment_cli.stack.environment import DATABASES, client_environment, store_settings
from sentiment_cli.stack.health import CHECKS, check_part
from sentiment_cli.stack.supervisor import check_ports, wait_for_parts
from sentiment_core import errors
from sentiment_core.object_store import ObjectInfo
from sentiment_core.s3_store import S3Store
from sentiment_core.store_settings import StoreSettings
from sentiment_train.running.ports import free_port

KEYS = ("a.txt", "folder/b.bin", "folder/deep/\u00fc & ?#%20")


def make_settings(home):
    ports = {f"{part}_port": free_port() for part in ("api", "mlflow", "prefect", "s3", "postgres")}
    return StackSettings(
        home=home,
        s3_access_key="mine",
        s3_secret_key="hidden",  # pragma: allowlist secret
        **ports,
    )


@pytest.fixture(scope="module")
def root():
    """A folder that nobody, who runs PostgreSQL for root, can get into."""
    root = Path(tempfile.mkdtemp(prefix="sentiment-state-"))
    root.chmod(0o755)
    yield root
    shutil.rmtree(root)


@pytest.fixture(scope="module")
def stack(root):
    """Database and store, running."""
    settings = make_settings(root / "stack")
    with stateful_parts(settings, lambda _message: None):
        make_buckets(store_settings(settings))
        yield settings


@pytest.fixture
def buckets(stack):
    """The stack's buckets, empty."""
    buckets = open_buckets(store_settings(stack), BUCKETS)
    for bucket in buckets.values():
        for item in list(bucket.list()):
            bucket.delete(item.key)
    return buckets


def contents(bucket):
    return {item.key: bucket.get(item.key) for item in bucket.list()}


def when_ready(store, key):
    """Read an object; after a start the store answers before it has found its volumes."""
    deadline = time.monotonic() + 120
    while True:
        try:
            return store.get(key)
        except errors.UnreachableError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.5)


def run_sql(settings, statement, user=SUPERUSER, database=SUPERUSER):
    with (
        closing(connect(settings, user, database)) as connection,
        mapped_sql_errors(settings),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else None


def test_each_database_has_a_user_of_its_own(stack):
    for name in DATABASES:
        assert run_sql(stack, "SELECT current_user", name, name) == [(name,)]
    with pytest.raises(errors.DeniedError, match="owner"):
        run_sql(stack, "DROP DATABASE mlflow", "prefect", "prefect")


@pytest.mark.parametrize(
    ("statement", "user", "cls", "library"),
    [
        ("CREATE DATABASE x", "mlflow", errors.DeniedError, psycopg2.errors.InsufficientPrivilege),
        ("DROP DATABASE none", SUPERUSER, errors.NotFoundError, psycopg2.errors.InvalidCatalogName),
        ("CREATE DATABASE mlflow", SUPERUSER, errors.ConflictError,
         psycopg2.errors.DuplicateDatabase),
        ("CREATE ROLE mlflow", SUPERUSER, errors.ConflictError, psycopg2.errors.DuplicateObject),
        ("DROP DATABASE postgres", SUPERUSER, errors.ConflictError, psycopg2.errors.ObjectInUse),
        ("SELECT none", SUPERUSER, errors.RefusedError, psycopg2.Error),
        ("SELECT pg_terminate_backend(pg_backend_pid())", SUPERUSER, errors.UnreachableError,
         psycopg2.OperationalError),
    ],
)  # fmt: skip
def test_each_error_of_the_database_has_its_meaning(stack, statement, user, cls, library):
    with pytest.raises(cls) as caught:
        run_sql(stack, statement, user, user if user in DATABASES else "postgres")
    assert type(caught.value) is cls is SQL_ERRORS[library]
    assert isinstance(caught.value.__cause__, library)
    assert f"PostgreSQL on 127.0.0.1:{stack.postgres_port}: " in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_closed_connection_and_a_port_where_nothing_listens_are_unreachable(stack):
    connection = connect(stack, "mlflow", "mlflow")
    connection.close()
    with pytest.raises(errors.UnreachableError) as caught, mapped_sql_errors(stack):
        connection.cursor()
    assert isinstance(caught.value.__cause__, psycopg2.InterfaceError)
    elsewhere = stack.model_copy(update={"postgres_port": free_port()})
    with pytest.raises(errors.UnreachableError):
        connect(elsewhere, "mlflow", "mlflow")


def test_the_store_of_the_stack_is_reached_whatever_the_environment_says(stack, monkeypatch):
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of another")
    assert find_buckets(store_settings(stack)) == set(BUCKETS)
    for name, value in client_environment(stack).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_SESSION_TOKEN")
    assert StoreSettings() == store_settings(stack)


def test_buckets_are_made_once_and_refused_keys_are_told(stack):
    settings = store_settings(stack)
    made = make_buckets(settings, ("data", "another"))
    assert [(bucket.name, bucket.created) for bucket in made] == [
        ("data", False), ("another", True),
    ]  # fmt: skip
    assert not make_buckets(settings, ("another",))[0].created
    strange = settings.model_copy(update={"aws_access_key_id": "stranger"})
    with pytest.raises(errors.DeniedError, match="refuses the key stranger"):
        make_buckets(strange)
    with pytest.raises(errors.DeniedError, match="refuses the key stranger"):
        find_buckets(strange)
    away = settings.model_copy(update={"endpoint": f"http://127.0.0.1:{free_port()}"})
    with pytest.raises(errors.UnreachableError, match="the bucket data"):
        make_buckets(away, ("data",), timeout_seconds=0)


def test_buckets_become_equal_to_what_was_saved(buckets, tmp_path):
    for key in KEYS:
        buckets["data"].put(key, key.encode())
    seen = []
    assert save_buckets(buckets, tmp_path / "saved", seen.append) == len(KEYS)
    assert sorted(seen) == sorted(f"data/{key}" for key in KEYS)
    assert saved_buckets(tmp_path / "saved") == tuple(sorted(BUCKETS))
    before = contents(buckets["data"])

    buckets["data"].delete(KEYS[0])
    buckets["data"].put(KEYS[1], b"changed")
    buckets["data"].put("new", b"new")
    buckets["models"].put("new", b"new")
    count = restore_buckets(tmp_path / "saved", buckets, lambda _name: None)
    assert count == len(KEYS)
    assert contents(buckets["data"]) == before
    assert contents(buckets["models"]) == {}


def test_names_that_are_no_files_are_left_out_of_a_backup(tmp_path):
    """With a listing as other stores may give it; this one refuses such names."""
    names = ("folder/", "../outside", "/etc/outside")
    bucket = SimpleNamespace(list=lambda: iter([ObjectInfo(name, 1) for name in names]))
    assert save_buckets({"data": bucket}, tmp_path / "saved", lambda _name: None) == 0
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert saved_buckets(tmp_path / "none") == ()


def test_a_bucket_that_is_missing_is_named(stack, tmp_path):
    missing = open_buckets(store_settings(stack), ("nowhere",))
    with pytest.raises(errors.NotFoundError, match="nowhere"):
        save_buckets(missing, tmp_path / "saved", lambda _name: None)


def test_parts_that_answer_are_not_waited_for_and_others_not_for_ever(stack):
    said = []
    wait_for_parts(stack, ("postgres", "s3"), said.append)
    assert said == []
    with pytest.raises(errors.RunError, match="mlflow does not answer"):
        wait_for_parts(stack, ("s3", "mlflow"), said.append, patience_seconds=0)
    with pytest.raises(errors.RunError, match="stopped before all of them answered"):
        wait_for_parts(stack, ("mlflow",), said.append, alive=lambda: False)
    assert set(said) == {"Waiting for mlflow"}
    with pytest.raises(errors.ConflictError, match=rf"Port {stack.postgres_port} of postgres"):
        check_ports(stack)


def test_each_part_that_does_not_answer_says_why(stack):
    for part in set(CHECKS) - {"postgres", "s3"}:
        assert f"http://127.0.0.1:{stack.ports.get(part, stack.prefect_port)}/" in check_part(
            stack, part
        )
    never = make_settings(stack.folder / "never")
    assert check_part(never, "postgres") == "it was never started"


def test_a_backup_is_restored_elsewhere_and_only_where_it_fits(stack, buckets, root):
    buckets["models"].put("champion.json", b"{}")
    run_sql(stack, "CREATE TABLE kept (name text)", "mlflow", "mlflow")
    run_sql(stack, "INSERT INTO kept VALUES ('as it was')", "mlflow", "mlflow")
    said = []
    result = back_up(stack, root / "backup", said.append)
    assert (result.databases, result.objects) == (DATABASES, 1)
    assert said == [*(f"database {name}" for name in DATABASES), "models/champion.json"]
    with pytest.raises(errors.ConflictError, match="not empty"):
        back_up(stack, root / "backup", said.append)

    other = make_settings(root / "other")
    with pytest.raises(errors.NotReadyError, match="start the stack first"):
        back_up(other, root / "second", said.append)
    with pytest.raises(errors.NotFoundError, match="is no backup"):
        restore(other, root / "other", said.append)
    for _ in range(2):  # what is there is replaced
        assert restore(other, root / "backup", said.append) == result
    with stateful_parts(other, said.append):
        assert run_sql(other, "SELECT name FROM kept", "mlflow", "mlflow") == [("as it was",)]
        assert when_ready(S3Store("s3://models", store_settings(other)), "champion.json") == b"{}"

    (root / "backup/mlflow.dump").write_bytes(b"damaged")
    with pytest.raises(errors.RunError, match="pg_restore of PostgreSQL"):
        restore(other, root / "backup", said.append)
    with pytest.raises(errors.UnreachableError):
        connect(other, "mlflow", "mlflow")  # nothing is left running
