"""The object store against the stack's real S3 server, and what goes wrong on the way to it."""

import os
import secrets
import shutil
import socket
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from sentiment_cli.buckets import make_buckets
from sentiment_cli.stack.environment import server_environment, store_settings, write_store_config
from sentiment_cli.stack.supervisor import find_store, procfile, wait_for_parts
from sentiment_core.errors import DeniedError, NotFoundError, UnreachableError
from sentiment_core.s3_store import S3Store
from tests.contracts.object_store import ObjectStoreContract
from tests.support import Process
from tests.support.stack import make_settings

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


class Server:
    """An S3 server that tests may kill."""

    def __init__(self, root):
        self.settings = make_settings(root / "stack")
        write_store_config(self.settings)
        self.process = Process(
            ["sh", "-c", procfile()["s3"]], "", root / "s3.log",
            server_environment(self.settings, find_store()), "", cwd=root,
        )  # fmt: skip

    @property
    def store_settings(self):
        return store_settings(self.settings)

    def start(self):
        self.process.launch()
        wait_for_parts(self.settings, ["s3"], lambda _message: None)
        make_buckets(self.store_settings, ("data",))


@pytest.fixture(scope="module")
def server():
    root = Path(tempfile.mkdtemp(prefix="sentiment-store-"))
    server = Server(root)
    try:
        server.start()
        yield server
    finally:
        server.process.kill()
        shutil.rmtree(root)


class TestS3(ObjectStoreContract):
    @pytest.fixture
    def store(self, server):
        return S3Store(f"s3://data/{secrets.token_hex(4)}/below", server.store_settings)


def calls(store, tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    return (
        lambda: store.get("a"),
        lambda: store.get_file("a", tmp_path / "copy"),
        lambda: store.put("a", b"x"),
        lambda: store.put_file("a", tmp_path / "file"),
        lambda: list(store.list()),
        lambda: store.delete("a"),
    )


@pytest.mark.parametrize("key", ["aws_access_key_id", "aws_secret_access_key"])
def test_wrong_keys_are_denied(server, tmp_path, key):
    wrong = server.store_settings.model_dump() | {key: "wrong"}
    settings = type(server.store_settings).model_validate(wrong)
    for call in calls(S3Store("s3://data", settings), tmp_path):
        with pytest.raises(DeniedError, match="refuses the key"):
            call()


def test_a_missing_bucket_is_not_found(server, tmp_path):
    store = S3Store("s3://no-such-bucket", server.store_settings)
    get, get_file, *_, list_objects, _ = calls(store, tmp_path)
    for call in (get, get_file, list_objects):
        with pytest.raises(NotFoundError, match="no-such-bucket"):
            call()


def test_a_bucket_takes_one_volume_of_the_disk(server):
    # With seven for each, a disk with little room denies the third bucket its first object.
    make_buckets(server.store_settings, ("another",))
    S3Store("s3://another", server.store_settings).put("a", b"x")
    volumes = server.settings.home.rglob("another_*.dat")
    assert len(list(volumes)) == 1


class HalfWay:
    """A way to a server that breaks after some bytes of an answer."""

    def __init__(self, port, limit):
        self._target, self._limit = port, limit
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_error):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _accept(self):
        threads = []
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                break
            server = socket.create_connection(("127.0.0.1", self._target))
            threads += [
                threading.Thread(target=self._pass, args=(client, server, None)),
                threading.Thread(target=self._pass, args=(server, client, self._limit)),
            ]
            for thread in threads[-2:]:
                thread.start()
        for thread in threads:
            thread.join()

    def _pass(self, source, target, limit):
        passed = 0
        with suppress(OSError):
            while (content := source.recv(65536)) and (limit is None or passed < limit):
                target.sendall(content)
                passed += len(content)
        for side in (source, target):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
        target.close()


def test_a_download_that_breaks_half_way_is_an_outage_and_leaves_the_old_file(server, tmp_path):
    content = os.urandom(12 << 20)
    S3Store("s3://data", server.store_settings).put("large", content)
    copy = tmp_path / "folder/copy"
    copy.parent.mkdir()
    copy.write_bytes(b"old")
    with HalfWay(server.settings.s3_port, limit=1 << 20) as way:
        changed = {"endpoint": f"http://127.0.0.1:{way.port}"}
        store = S3Store("s3://data", server.store_settings.model_copy(update=changed))
        with pytest.raises(UnreachableError, match="large"):
            store.get("large")
        with pytest.raises(UnreachableError, match="large"):
            store.get_file("large", copy)
    assert {path.name: path.read_bytes() for path in copy.parent.iterdir()} == {"copy": b"old"}


def test_a_server_that_was_killed_is_unreachable(server, tmp_path):
    """The last test: the server does not come back."""
    store = S3Store("s3://data", server.store_settings)
    store.put("a", b"x")
    server.process.kill()
    for call in calls(store, tmp_path):
        with pytest.raises(UnreachableError, match="does not answer"):
            call()
    assert not (tmp_path / "copy").exists()
