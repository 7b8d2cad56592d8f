"""What the API reads, as targets for damaged input, with the errors that may come of it."""

import asyncio
import hashlib
import json
import shutil
from contextlib import suppress
from typing import ClassVar

import numpy as np
from urllib3 import HTTPResponse

from sentiment_core.champion_pointer import ChampionPointer
from sentiment_core.errors import ModelPackageError, ScorerError, SentimentError
from sentiment_core.model_package import (
    MANIFEST_FILE,
    PACKAGE_FILES,
    SCORER_FILE,
    check_package,
    write_package,
)
from sentiment_core.registry_names import CHALLENGER, CHAMPION
from sentiment_core.scorer import LinearScorer
from sentiment_core.store_settings import StoreSettings
from sentiment_core.vocabulary import Vocabulary
from sentiment_serve.api.state import app_state
from sentiment_serve.app import create_app
from sentiment_serve.model.cache import ModelCache
from sentiment_serve.model.mlflow_server import MlflowServer
from sentiment_serve.model.version import VersionRef
from sentiment_serve.settings import ServeSettings
from tests.support.fuzzing import mutate_bytes, mutate_json
from tests.support.tiny_models import make_model_of_version, make_scorer

TEXT = "A film that is not good, not at all: bad, bad, good. " * 3


def use(scorer):
    """Whatever was accepted has to work."""
    probability, _ = scorer.score(TEXT)
    batch, _ = scorer.score_batch([TEXT, "good"])
    assert 0 <= probability <= 1
    assert np.all((batch >= 0) & (batch <= 1))
    assert len(scorer.explain(TEXT).terms) <= scorer.n_terms
    scorer.top_terms(3)


class ScorerFiles:
    """Most have a right checksum: anybody can compute one."""

    allowed = (ScorerError,)

    def __init__(self, _folder):
        vocabulary, _ = Vocabulary.from_terms(["bad", "film", "good", "not bad", "not good"])
        self.content = LinearScorer(
            vocabulary=vocabulary, idf=np.arange(6) / 3, coefficients=np.arange(-2.0, 4.0),
            intercept=0.1, max_ngram=2, sublinear_tf=True,
        ).to_bytes()  # fmt: skip

    def mutate(self, rng):
        end = 48 + int.from_bytes(self.content[40:48], "little")
        header, arrays = self.content[48:end], self.content[end:]
        if rng.random() < 0.6:
            header = mutate_json(header, rng)
        if rng.random() < 0.5:
            arrays = mutate_bytes(arrays, rng)
        length = len(header) if rng.random() < 0.9 else rng.choice([0, 1, 2**40, 2**64 - 1])
        body = length.to_bytes(8, "little") + header + arrays
        content = self.content[:8] + hashlib.sha256(body).digest() + body
        return content if rng.random() < 0.9 else mutate_bytes(content, rng)

    def feed(self, content):
        use(LinearScorer.from_bytes(content))


class Packages:
    """The files of a model package."""

    allowed = (ScorerError,)

    def __init__(self, folder):
        write_package(
            folder / "package", make_scorer(), metrics={"f1": 0.9, "accuracy": 0.8},
            examples=["good", "bad"], model_card="# Card\n",
        )  # fmt: skip
        self.files = {name: (folder / "package" / name).read_bytes() for name in PACKAGE_FILES}

    def mutate(self, rng):
        files = dict(self.files)
        if rng.random() < 0.9:
            files[MANIFEST_FILE] = mutate_json(files[MANIFEST_FILE], rng)
        if rng.random() < 0.2:
            files[SCORER_FILE] = mutate_bytes(files[SCORER_FILE], rng)
        if rng.random() < 0.02:
            del files[rng.choice(list(files))]
        return files

    def feed(self, files):
        use(check_package(files).scorer)


class Pointers:
    """The file ``champion.json``."""

    allowed = (ModelPackageError,)

    def __init__(self, _folder):
        self.content = ChampionPointer("name", "12", "run", "12", "0" * 64).to_json().encode()

    def mutate(self, rng):
        return mutate_json(self.content, rng)

    def feed(self, content):
        pointer = ChampionPointer.from_json(content)
        assert "/" not in pointer.package
        assert ChampionPointer.from_json(pointer.to_json()) == pointer


class CacheFolders:
    """A cache in which files are damaged, gone, or something else; it is read and repaired."""

    allowed = ()

    def __init__(self, folder):
        packages, self.original, self.folder = Packages(folder), folder / "original", folder / "now"
        self.files = packages.files
        cache = ModelCache(self.original)
        for alias in (CHAMPION, CHALLENGER):
            self.ref = VersionRef("name", alias, "1", "run", "somewhere", None)
            cache.load(self.ref, lambda _: self.files)
        self.paths = sorted(
            path.relative_to(self.original)
            for path in self.original.rglob("*") if path.name not in PACKAGE_FILES[2:]
        )  # fmt: skip
        self.contents = {
            path: (self.original / path).read_bytes()
            for path in self.paths if (self.original / path).is_file()
        }  # fmt: skip
        self.restore()

    def mutate(self, rng):
        changes = {}
        for path in rng.sample(self.paths, rng.choice([1, 1, 2, 3])):
            kind = rng.choice(["content"] * 6 + ["gone", "file", "folder", "link"])
            content = self.contents.get(path, b"a file")
            changes[path] = (
                kind,
                mutate_json(content, rng) if content[:1] == b"{" else (mutate_bytes(content, rng)),
            )
        return changes, rng.random() < 0.1

    def feed(self, given):
        changes, repair = given
        for path, (kind, content) in changes.items():
            self.damage(self.folder / path, kind, content)
        cache = ModelCache(self.folder)
        for alias in (CHAMPION, CHALLENGER):
            model = cache.last_good(alias)
            assert model is None or model.from_cache
        if repair:
            assert cache.load(self.ref, lambda _: self.files).version == "1"
            assert cache.last_good(self.ref.alias) is not None
            self.restore()
        else:
            for path in changes:
                self.damage(self.folder / path, "gone", b"")
                if path not in self.contents:  # a folder, with all that is in it
                    self.restore()
                    break
                self.damage(self.folder / path, "file", self.contents[path])

    def restore(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.original, self.folder)

    def damage(self, path, kind, content):
        with suppress(OSError):  # its folder has gone before
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
            if kind == "folder":
                path.mkdir()
            elif kind == "link":
                path.symlink_to(path)
            elif kind != "gone":
                path.write_bytes(content)


class RegistryAnswers:
    """What an MLflow server says; the answers are real, only the wire is missing."""

    allowed = (SentimentError,)
    answers: ClassVar = {
        "registered-models/alias": {"model_version": {
            "name": "m", "version": "3", "run_id": "r", "aliases": ["champion"],
            "tags": [{"key": "scorer.sha256", "value": "d"}],
        }},
        "registered-models/get": {
            "registered_model": {"name": "m", "aliases": [{"alias": "champion"}]}
        },
        "model-versions/get-download-uri": {"artifact_uri": "s3://bucket/3/"},
    }  # fmt: skip

    def __init__(self, _folder):
        settings = ServeSettings(mlflow_tracking_uri="http://registry")
        self.source = MlflowServer(settings, self)
        self.given = {}

    def request(self, _method, url, **_options):
        path = url.partition("/api/2.0/mlflow/")[2].partition("?")[0]
        status, body = self.given[path]
        return HTTPResponse(body=body, status=status)

    def mutate(self, rng):
        given = {}
        for path, answer in self.answers.items():
            body, status = json.dumps(answer).encode(), 200
            if rng.random() < 0.2:
                status = rng.choice([200, 204, 301, 400, 401, 404, 418, 429, 500, 503, 599])
                body = b'{"error_code": "RESOURCE_DOES_NOT_EXIST"}'
            given[path] = status, mutate_json(body, rng) if rng.random() < 0.6 else body
        return given

    def feed(self, given):
        self.given = given
        ref = self.source.resolve(CHAMPION)
        json.dumps(ref.__dict__).encode()
        assert ref.version.encode()


class RequestBodies:
    """Bodies and headers of every route that takes some; the whole application answers."""

    allowed = ()
    requests: ClassVar = [
        ("/predict", {"text": "a good film"}),
        ("/predict/batch", {"texts": ["a good film", "bad"]}),
        ("/explain", {"text": "not good"}),
        ("/feedback", {"request_id": "known", "sentiment": "positive"}),
        ("/webhooks/mlflow", {"entity": "model_version_alias", "data": {"alias": "champion"}}),
    ]
    headers: ClassVar = {
        b"content-type": b"application/json", b"x-request-id": b"known", b"x-sticky-key": b"u",
        b"x-mlflow-signature": b"v1,abc", b"x-mlflow-timestamp": b"1", b"origin": b"http://x",
    }  # fmt: skip

    def __init__(self, folder):
        settings = ServeSettings(
            sentiment_home=folder / "home", access_log=False, cors_origins=["http://x"],
            webhook_secret="s", max_body_bytes=1 << 16,
        )  # fmt: skip
        self.app = create_app(settings, StoreSettings())
        app_state(self.app).holder.load(make_model_of_version(CHAMPION, "1"))
        self.loop = asyncio.new_event_loop()

    def mutate(self, rng):
        path, body = rng.choice(self.requests)
        content = mutate_json(json.dumps(body).encode(), rng)
        headers = dict(self.headers)
        if rng.random() < 0.2:
            name = rng.choice(list(headers))
            # What an HTTP server lets through.
            value = mutate_bytes(headers[name], rng)
            headers[name] = bytes(byte for byte in value if byte >= 32 and byte != 127)
        return path, content, headers

    def feed(self, given):
        path, content, headers = given
        sent = []

        async def receive():
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message):
            sent.append(message)

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
            "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"",
            "root_path": "", "headers": list(headers.items()), "client": ("127.0.0.1", 5000),
            "server": ("api", 80), "state": {},
        }  # fmt: skip
        self.loop.run_until_complete(self.app(scope, receive, send))
        start, *bodies = sent
        json.loads(b"".join(message["body"] for message in bodies))
        assert start["status"] < 500
        assert any(name == b"x-request-id" for name, _ in start["headers"])

    def close(self):
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
        app_state(self.app).service.recent.close()


TARGETS = {
    "scorer files": ScorerFiles,
    "model packages": Packages,
    "champion pointers": Pointers,
    "cache folders": CacheFolders,
    "registry answers": RegistryAnswers,
    "request bodies": RequestBodies,
}
