import errno
import os

import boto3.exceptions
import botocore.exceptions
import pytest
import s3transfer.exceptions
import urllib3.exceptions

from sentiment_core import errors
from sentiment_core.atomic_files import PART_PREFIX, write_atomically
from sentiment_core.folder_store import FolderStore
from sentiment_core.s3_errors import LIBRARY_ERRORS, S3_ERRORS, map_s3_error
from sentiment_core.s3_store import S3Store
from sentiment_core.store_settings import StoreSettings
from sentiment_core.stores import open_store
from tests.contracts.object_store import ObjectStoreContract


@pytest.fixture
def settings():
    return StoreSettings(
        endpoint="http://store:9000",
        aws_access_key_id="somebody",
        aws_secret_access_key="hush-hush",  # pragma: allowlist secret
    )


class TestFolder(ObjectStoreContract):
    @pytest.fixture
    def store(self, tmp_path_factory):
        return FolderStore(tmp_path_factory.mktemp("store") / "not made yet")


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../out", "a/../../out", "a//b", "a/", "a\0b"])
def test_a_key_that_leads_elsewhere_is_refused(tmp_path, key):
    store = FolderStore(tmp_path / "store")
    for act in (store.get, store.delete, lambda key: store.put(key, b"x")):
        with pytest.raises(errors.InputError):
            act(key)
    assert not any(tmp_path.rglob("*"))


@pytest.mark.parametrize(
    ("uri", "cls", "address"),
    [
        ("s3://bucket/a/b/", S3Store, "s3://bucket/a/b"),
        ("s3://bucket", S3Store, "s3://bucket"),
        ("file:///x%20y/z", FolderStore, "/x y/z"),
        ("/x#1/models?b", FolderStore, "/x#1/models?b"),
    ],
)
def test_addresses_mean_what_they_say(settings, uri, cls, address):
    store = open_store(uri, settings)
    assert (type(store), store.uri) == (cls, address)


def test_an_address_of_another_kind_is_a_wrong_setting(settings):
    with pytest.raises(errors.SettingsError, match="ftp://host"):
        open_store("ftp://host/models", settings)


def client_error(code, status):
    response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return botocore.exceptions.ClientError(response, "GetObject")


MEANINGS = [
    *((client_error(code, 400), cls) for code, cls in S3_ERRORS.items()),
    (client_error("Unheard", 403), errors.DeniedError),
    (client_error("Unheard", 409), errors.RefusedError),
    (client_error("Unheard", 502), errors.UnreachableError),
    (client_error("", 0), errors.UnreachableError),
    (botocore.exceptions.NoCredentialsError(), errors.DeniedError),
    (
        botocore.exceptions.PartialCredentialsError(provider="env", cred_var="secret"),
        errors.DeniedError,
    ),
    (
        botocore.exceptions.CredentialRetrievalError(provider="p", error_msg="m"),
        errors.DeniedError,
    ),
    (botocore.exceptions.ProfileNotFound(profile="p"), errors.SettingsError),
    (botocore.exceptions.ParamValidationError(report="r"), errors.InputError),
    (botocore.exceptions.EndpointConnectionError(endpoint_url="u"), errors.UnreachableError),
    (botocore.exceptions.ReadTimeoutError(endpoint_url="u"), errors.UnreachableError),
    (
        botocore.exceptions.IncompleteReadError(actual_bytes=1, expected_bytes=2),
        errors.UnreachableError,
    ),
    (boto3.exceptions.RetriesExceededError(OSError("broken")), errors.UnreachableError),
    (s3transfer.exceptions.RetriesExceededError(OSError("broken")), errors.UnreachableError),
    (urllib3.exceptions.ProtocolError("broken"), errors.UnreachableError),
]


@pytest.mark.parametrize(
    ("error", "cls"), MEANINGS, ids=[f"{type(e).__name__}-{i}" for i, (e, _) in enumerate(MEANINGS)]
)
def test_each_error_of_the_library_has_its_meaning(settings, error, cls):
    mapped = map_s3_error(error, "s3://models/x", settings)
    assert type(mapped) is cls
    assert "s3://models/x" in str(mapped)
    assert "hush-hush" not in str(mapped)


def test_each_entry_of_the_tables_is_reached():
    client_errors = [
        error for error, _ in MEANINGS if isinstance(error, botocore.exceptions.ClientError)
    ]
    codes = {error.response["Error"]["Code"] for error in client_errors}
    assert set(S3_ERRORS) <= codes
    assert set(LIBRARY_ERRORS) <= {type(error).__name__ for error, _ in MEANINGS}
    for name in LIBRARY_ERRORS:
        assert hasattr(botocore.exceptions, name)


def test_a_store_that_is_away_is_unreachable_and_a_wrong_endpoint_a_wrong_setting(tmp_path):
    away = StoreSettings(
        endpoint="http://127.0.0.1:9", aws_access_key_id="a", aws_secret_access_key="b",
        aws_default_region="us-east-1",
    )  # fmt: skip
    store = S3Store("s3://bucket", away)
    for act in (
        lambda: store.get("a"),
        lambda: store.put("a", b""),
        lambda: list(store.list()),
        lambda: store.get_file("a", tmp_path / "copy"),
    ):
        with pytest.raises(errors.UnreachableError, match=r"127\.0\.0\.1:9"):
            act()
    with pytest.raises(errors.SettingsError, match="MLFLOW_S3_ENDPOINT_URL=nowhere"):
        S3Store("s3://bucket", away.model_copy(update={"endpoint": "nowhere"}))


@pytest.mark.parametrize(
    ("number", "cls"),
    [
        (errno.ENOENT, errors.NotFoundError),
        (errno.EISDIR, errors.NotFoundError),
        (errno.EACCES, errors.DeniedError),
        (errno.ENOSPC, errors.UnreachableError),
        (errno.EMFILE, errors.UnreachableError),
        (errno.EIO, errors.UnreachableError),
    ],
)
def test_each_error_of_the_file_system_has_its_meaning(tmp_path, monkeypatch, number, cls):
    def fail(_path):
        raise OSError(number, os.strerror(number))

    store = FolderStore(tmp_path)
    store.put("a", b"x")
    monkeypatch.setattr("pathlib.Path.read_bytes", fail)  # no disk fails on demand
    with pytest.raises(cls):
        store.get("a")


def test_an_interrupted_write_leaves_the_old_file_and_no_part(tmp_path, monkeypatch):
    target = tmp_path / "file"
    write_atomically(target, b"old")

    def fail(*_arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_atomically(target, b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"file": b"old"}


def test_what_a_dead_process_left_is_not_listed(tmp_path):
    (tmp_path / f"{PART_PREFIX}abc").write_bytes(b"half")
    assert list(FolderStore(tmp_path).list()) == []


@pytest.mark.parametrize(
    ("given", "cls", "message"),
    [
        ({}, errors.DeniedError, "There are no keys for http://127.0.0.1:9"),
        ({"aws_access_key_id": "half"}, errors.DeniedError, "There is half a key"),
        ({"profile": "nobody"}, errors.SettingsError, "correct AWS_PROFILE"),
    ],
    ids=["absent", "half", "unknown-profile"],
)
def test_keys_that_are_not_whole_are_told(monkeypatch, given, cls, message):
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/none")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    if profile := given.get("profile"):
        monkeypatch.setenv("AWS_PROFILE", profile)
    key = given.get("aws_access_key_id")
    settings = StoreSettings(endpoint="http://127.0.0.1:9", aws_access_key_id=key)
    with pytest.raises(cls, match=message):
        list(S3Store("s3://bucket", settings).list())
