"""Database, buckets, backup and waiting, with the stack's real PostgreSQL and its real store."""

import shutil
import tempfile
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from sentiment_cli.backup.create import create_backup
from sentiment_cli.backup.folder import open_backup
from sentiment_cli.backup.restore import Restore
from sentiment_cli.backup.servers import Servers
from sentiment_cli.buckets import BUCKETS, make_buckets, missing_buckets, open_buckets
from sentiment_cli.settings import StackSettings
from sentiment_cli.sql_errors import SQL_ERRORS
from sentiment_cli.stack.backup import back_up, stack_servers, stateful_parts, stopped_stack
from sentiment_cli.stack.database import SUPERUSER, connect, mapped_sql_errors
from sentiment_cli.stack.environment import DATABASES, client_environment, store_settings
from sentiment_cli.stack.health import CHECKS, check_part
from sentiment_cli.stack.supervisor import check_ports, wait_for_parts
from sentiment_core import errors
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
    assert missing_buckets(store_settings(stack)) == []
    assert missing_buckets(store_settings(stack), ["data", "none"]) == ["none"]
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
        missing_buckets(strange)
    away = settings.model_copy(update={"endpoint": f"http://127.0.0.1:{free_port()}"})
    with pytest.raises(errors.UnreachableError, match="the bucket data"):
        make_buckets(away, ("data",), timeout_seconds=0)


def test_a_bucket_that_is_missing_is_named(stack, tmp_path):
    servers = Servers(store_settings(stack))
    with pytest.raises(errors.NotFoundError, match="nowhere"):
        create_backup(tmp_path / "saved", servers, (), ("nowhere",), lambda _message: None)
    assert not (tmp_path / "saved").exists()


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
    for key in KEYS:
        buckets["data"].put(key, key.encode())
    run_sql(stack, "CREATE TABLE kept (name text)", "mlflow", "mlflow")
    run_sql(stack, "INSERT INTO kept VALUES ('as it was')", "mlflow", "mlflow")
    said = []
    backup = back_up(stack, root / "backup", said.append)
    assert said[:2] == [f"database {name}" for name in DATABASES]
    assert "bucket data: 3 of 3 objects (100%)" in said
    with pytest.raises(errors.ConflictError, match="exists already"):
        back_up(stack, root / "backup", said.append)
    other = make_settings(root / "other")
    with pytest.raises(errors.NotReadyError, match="start the stack first"):
        back_up(other, root / "second", said.append)

    with stopped_stack(other, said.append) as servers:
        for expected in [set(KEYS), set()]:  # the second time there is nothing left to do
            restore = Restore(
                open_backup(root / "backup"), servers, with_databases=True, on_progress=said.append
            )
            changes = restore.plan(said.append)
            assert {key for bucket in changes.buckets for key in bucket.add} == expected
            restore.apply(changes, said.append)
        assert run_sql(other, "SELECT name FROM kept", "mlflow", "mlflow") == [("as it was",)]
        restored = open_buckets(servers.store, BUCKETS)
        assert contents(restored["data"]) == {key: key.encode() for key in KEYS}
        assert stack_servers(other) == servers
        with (
            pytest.raises(errors.ConflictError, match="Another process"),
            stateful_parts(other, said.append, patience_seconds=0),
        ):
            pass
    with pytest.raises(errors.UnreachableError):
        connect(other, "mlflow", "mlflow")  # nothing is left running
    assert backup.manifest.object_count == len(KEYS)
