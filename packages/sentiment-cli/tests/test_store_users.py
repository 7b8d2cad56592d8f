"""Keys of the store. Where its image cannot be pulled, a server with its protocol is the MinIO.

What it is told is read with MinIO's own encryption; that MinIO obeys is not shown here. Keys that
really open their own buckets alone are tried with SeaweedFS in tests/containers.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
from minio import crypto
from pydantic import SecretStr

from sentiment_cli.deployment.catalogue import DeploymentSecrets
from sentiment_cli.deployment.store_users import make_store_users
from sentiment_core.errors import DeniedError, SettingsError
from sentiment_core.store_settings import StoreSettings

ROOT_SECRET = "of-the-administrator"  # pragma: allowlist secret
SECRETS = DeploymentSecrets(mlflow_store_secret=SecretStr("one"),
                            training_store_secret=SecretStr("two"))  # fmt: skip
EMPTY = b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></ListBucketResult>'
DENIED = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"


class Store:
    """Answers as MinIO does, and remembers what its administration was told."""

    def __init__(self):
        self.policies, self.users, self.attached = {}, {}, {}
        self.administration, self.keys = 200, 200

    def administer(self, command, query, body):
        if self.administration != 200:
            return self.administration, b"not here"
        if command == "add-canned-policy":
            self.policies[query["name"][0]] = json.loads(body)
            return 200, b""
        if command == "add-user":
            self.users[query["accessKey"][0]] = json.loads(decrypted(body))["secretKey"]
            return 200, b""
        told = json.loads(decrypted(body))
        if self.attached.get(told["user"]) == told["policies"]:
            return 400, b'{"Code": "XMinioAdminPolicyChangeAlreadyApplied"}'
        self.attached[told["user"]] = told["policies"]
        return 200, crypto.encrypt(b"{}", ROOT_SECRET)


def decrypted(body):
    stream = SimpleNamespace(left=body)

    def read(size=None):
        size = len(stream.left) if size is None else size
        part, stream.left = stream.left[:size], stream.left[size:]
        return part

    stream.read, stream.close, stream.release_conn = read, lambda: None, lambda: None
    return crypto.decrypt(stream, ROOT_SECRET)


@pytest.fixture
def store():
    state = Store()

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            url = urlsplit(self.path)
            if url.path.startswith("/minio/admin/v3/"):
                command = url.path.removeprefix("/minio/admin/v3/")
                status, content = state.administer(command, parse_qs(url.query), body)
            else:
                status, content = state.keys, EMPTY if state.keys == 200 else DENIED
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = answer  # noqa: N815 - the names are the library's

        def log_message(self, *arguments):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    state.settings = StoreSettings(
        endpoint=f"http://127.0.0.1:{server.server_port}", aws_access_key_id="root",
        aws_secret_access_key=SecretStr(ROOT_SECRET), aws_default_region="us-east-1",
    )  # fmt: skip
    yield state
    server.shutdown()
    server.server_close()


def test_minio_is_told_of_each_user_once_and_again(store):
    for _ in range(2):
        users = make_store_users(store.settings, SECRETS)
        assert [(user.name, user.buckets, user.origin) for user in users] == [
            ("mlflow", ("mlflow-artifacts",), "made"), ("training", ("models", "data"), "made"),
        ]  # fmt: skip
    assert store.users == {"mlflow": "one", "training": "two"}
    assert store.attached == {"mlflow": ["mlflow"], "training": ["training"]}
    resources = {
        name: {place for statement in policy["Statement"] for place in statement["Resource"]}
        for name, policy in store.policies.items()
    }
    assert resources["mlflow"] == {
        "arn:aws:s3:::mlflow-artifacts", "arn:aws:s3:::mlflow-artifacts/*",
    }  # fmt: skip
    assert resources["training"] == {
        f"arn:aws:s3:::{place}" for place in ("models", "models/*", "data", "data/*")
    }


def test_a_store_without_that_administration_has_the_keys_already(store):
    store.administration = 405
    assert {user.origin for user in make_store_users(store.settings, SECRETS)} == {"was there"}


def test_a_store_that_takes_neither_is_told(store):
    store.administration, store.keys = 405, 403
    with pytest.raises(DeniedError, match=r"does not take the key 'mlflow' \(.*405.*mlflow-artif"):
        make_store_users(store.settings, SECRETS)


def test_without_secrets_nothing_is_asked(store):
    assert make_store_users(store.settings, DeploymentSecrets()) == []
    assert store.users == {}


def test_an_administrator_is_needed(store):
    nobody = store.settings.model_copy(update={"aws_access_key_id": None})
    with pytest.raises(SettingsError, match="AWS_ACCESS_KEY_ID"):
        make_store_users(nobody, SECRETS)
