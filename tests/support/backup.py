"""A database server and an S3 store to back up, to kill a backup of, and to compare afterwards."""

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

import psycopg2
from pydantic import SecretStr

from sentiment_cli.backup.bucket import Bucket
from sentiment_cli.backup.databases import DatabaseServer
from sentiment_cli.backup.servers import Servers
from sentiment_cli.buckets import BUCKETS, make_buckets
from sentiment_cli.settings import StackSettings
from sentiment_cli.stack.environment import DATABASES, read_passwords
from sentiment_cli.stack.programs import find_postgres
from sentiment_core.store_settings import StoreSettings
from tests.support.processes import Process, eventually, free_port

ODD_KEYS = (
    "m", "m/z", "m//x", "m//", "..", "../up", "a/../b", "a/./b", "/lead", "/", "folder/",
    "two words", "ü & ?#%20", "u\u0308", "日本/語", "tab\tkey", "k" * 1024, "manifest.json",
)  # fmt: skip

_KILLED = """
import os, signal, sys
from pathlib import Path
from tests.support import backup

def stop_at(message, seen={{}}):
    seen["count"] = seen.get("count", 0) + message.startswith(sys.argv[2])
    if seen["count"] == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

servers = backup.from_environment()
backup.{work}(servers, Path(sys.argv[1]), stop_at)
"""


class BackupServers:
    """PostgreSQL as the stack runs it, and an S3 server in this process."""

    def __init__(self, root, *, postgres=None):
        self.root = root
        self.settings = StackSettings(
            _env_file=None, home=root / f"stack-{free_port()}", postgres_port=free_port()
        )
        self.settings.folder.mkdir()
        path = os.pathsep.join(filter(None, [str(postgres or ""), os.environ["PATH"]]))
        environment = os.environ | self.settings.as_environment() | {"PATH": path}
        self._postgres = Process(
            [sys.executable, "-m", "sentiment_cli.stack.postgres"], "",
            self.settings.folder / "postgres.log", environment, "",
        )  # fmt: skip
        from moto.server import ThreadedMotoServer  # which a process to be killed does without

        self._s3 = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
        self._search_path = path

    def start(self):
        self._postgres.launch()
        self._s3.start()
        _host, port = self._s3.get_host_and_port()
        data = self.settings.folder / "postgres"
        eventually((data / "postmaster.pid").exists, 60)
        programs = find_postgres(data, search_path=self._search_path)
        self.servers = Servers(
            StoreSettings(
                endpoint=f"http://127.0.0.1:{port}", aws_access_key_id="any",
                aws_secret_access_key="any",  # pragma: allowlist secret
                aws_default_region="us-east-1",
            ),
            DatabaseServer(
                "127.0.0.1", self.settings.postgres_port, "postgres",
                SecretStr(read_passwords(self.settings.folder)["postgres"]), Path(programs.path),
            ),
        )  # fmt: skip
        eventually(self._answers, 60)
        # Processes are killed here, not machines: every new database would wait for the disk.
        for statement in ("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"):
            self.sql("postgres", statement)

    def _answers(self):
        try:
            for name in DATABASES:
                self.sql(name, "SELECT 1")
        except psycopg2.OperationalError:
            return False
        return True

    def stop(self):
        self._s3.stop()
        self._postgres.close()

    def sql(self, database, statement):
        server = self.servers.databases
        connection = psycopg2.connect(
            host=server.host, port=server.port, user=server.user, dbname=database,
            password=server.password.get_secret_value(),
        )  # fmt: skip
        connection.autocommit = True
        with closing(connection), connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else None

    @cache  # noqa: B019 - a client takes long to make, and these servers live as long as the tests
    def bucket(self, name):
        return Bucket(name, self.servers.store)

    def put(self, name, key, content):
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            self.bucket(name).write(key, Path(file.name))

    def fill(self, mark, keys, extra=()):
        """Make all of the state known: `mark` in each database and in each object."""
        for name in DATABASES:
            self.sql(name, "DROP TABLE IF EXISTS kept")
            self.sql(name, "CREATE TABLE kept (mark text)")
            self.sql(name, f"INSERT INTO kept VALUES ('{mark}')")
            self.sql(name, f"ALTER TABLE kept OWNER TO {name}")
        make_buckets(self.servers.store)
        for name in BUCKETS:
            bucket = self.bucket(name)
            for key in bucket.list_if_there():
                bucket.delete(key)
        for key in (*keys, *extra):
            self.put("data", key, f"{mark} {key}".encode())
        self.put("models", "champion.json", mark.encode())

    def state(self):
        """All that a backup is of."""
        databases = {
            name: (self.sql(name, "SELECT mark FROM kept"), self._owner(name)) for name in DATABASES
        }
        buckets = {
            name: {
                key: b"".join(self.bucket(name).read(key)[1])
                for key in self.bucket(name).list_if_there()
            }
            for name in BUCKETS
        }
        return databases, buckets

    def _owner(self, name):
        statement = f"SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = '{name}'"
        return self.sql("postgres", statement)

    def database_names(self):
        return {name for (name,) in self.sql("postgres", "SELECT datname FROM pg_database")}

    @property
    def environment(self):
        """What lets another process use these servers."""
        store, databases = self.servers.store, self.servers.databases
        return os.environ | {
            "MLFLOW_S3_ENDPOINT_URL": store.endpoint,
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",  # pragma: allowlist secret
            "AWS_DEFAULT_REGION": "us-east-1",
            "PGHOST": databases.host,
            "PGPORT": str(databases.port),
            "PGUSER": databases.user,
            "PGPASSWORD": databases.password.get_secret_value(),
            "PROGRAMS": str(databases.programs),
        }

    def kill_at(self, work, path, message, count=1):
        """Let a process `save` or `load` a backup, and kill it when it says something."""
        result = subprocess.run(
            [sys.executable, "-c", _KILLED.format(work=work), path, message, str(count)],
            env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert result.returncode == -signal.SIGKILL, result.stderr


def from_environment():
    values = os.environ
    return Servers(
        StoreSettings(),
        DatabaseServer(
            values["PGHOST"], int(values["PGPORT"]), values["PGUSER"],
            SecretStr(values["PGPASSWORD"]), Path(values["PROGRAMS"]),
        ),
    )  # fmt: skip


def save(servers, path, on_progress=lambda _message: None):
    """Make a backup of everything."""
    from sentiment_cli.backup.create import create_backup

    return create_backup(path, servers, DATABASES, BUCKETS, on_progress)


def load(servers, path, on_progress=lambda _message: None):
    """Restore everything; returns what was changed."""
    from sentiment_cli.backup.folder import open_backup
    from sentiment_cli.backup.restore import Restore

    restore = Restore(open_backup(path), servers, with_databases=True, on_progress=on_progress)
    changes = restore.plan(on_progress)
    restore.apply(changes, on_progress)
    return changes


@contextmanager
def backup_servers(**options):
    """Running servers, in a folder that nobody, who runs PostgreSQL for root, can get into."""
    with tempfile.TemporaryDirectory(
        prefix="sentiment-backup-", ignore_cleanup_errors=True
    ) as root:
        Path(root).chmod(0o755)
        servers = BackupServers(Path(root), **options)
        try:
            servers.start()
            yield servers
        finally:
            servers.stop()
