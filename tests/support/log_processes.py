"""Real API workers that record predictions, and what may happen to them."""

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress

import httpx

from sentiment_cli.stack.environment import (
    client_environment,
    server_environment,
    write_store_config,
)
from sentiment_cli.stack.supervisor import find_store, procfile
from sentiment_core.s3_store import S3Store, s3_client
from sentiment_core.store_settings import StoreSettings
from tests.support.processes import BIN, Process, api_workers, eventually, free_port
from tests.support.tiny_models import export_version, make_scorer

INTERVAL = 0.3
LATE_SECONDS = 2.0
"""From the end of the interval until a record is on the disk, on a busy machine."""


class Bucket:
    """A real S3 store with one bucket."""

    def __init__(self, root, settings):
        self.variables = client_environment(settings)
        self.variables = {
            name: value for name, value in self.variables.items()
            if name.startswith(("AWS", "MLFLOW_S3"))
        }  # fmt: skip
        environment = server_environment(settings, find_store())
        write_store_config(settings)
        self.process = Process(
            ["sh", "-c", procfile()["s3"]], self.variables["MLFLOW_S3_ENDPOINT_URL"],
            root / "s3.log", environment, "/healthz", cwd=root,
        )  # fmt: skip
        self.settings = StoreSettings(
            endpoint=self.variables["MLFLOW_S3_ENDPOINT_URL"],
            aws_access_key_id=self.variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.variables["AWS_SECRET_ACCESS_KEY"],
            aws_default_region=self.variables["AWS_DEFAULT_REGION"],
        )

    def create(self, name):
        client = s3_client(self.settings)

        def created():
            with suppress(Exception):
                client.create_bucket(Bucket=name)
                return True

        eventually(created, 60)

    def contents(self, uri):
        store = S3Store(uri, self.settings)
        return [store.get(item.key) for item in store.list()]


class LoggingApi:
    """An API of two workers with a prediction log; it can be started again and again."""

    def __init__(self, root, **environment):
        model = root / "model"
        export_version(model, "1", make_scorer())
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.folder = root / "log"
        environment = {
            "PORT": str(port), "WORKERS": "2", "SENTIMENT_HOME": str(root / "home"),
            "MODEL_SOURCE": model.as_uri(), "MODEL_RELOAD_INTERVAL": "0", "ACCESS_LOG": "false",
            "DRAIN_SECONDS": "0.2", "PREDICTION_LOG": "file",
            "PREDICTION_LOG_PATH": str(self.folder), "PREDICTION_LOG_INTERVAL": str(INTERVAL),
            **environment,
        }  # fmt: skip
        self.process = Process(
            [str(BIN / "sentiment-serve")], self.url, root / "api.log",
            os.environ | environment, "/readyz",
        )  # fmt: skip

    def start(self):
        self.process.start()
        eventually(lambda: httpx.get(f"{self.url}/readyz").is_success)

    def post_batches(self, texts, size=250, text="good " * 230):
        """Answer so many texts as fast as possible, over connections that meet both workers."""
        for start in range(0, texts, size):
            httpx.post(
                f"{self.url}/predict/batch", json={"texts": [text] * size}, timeout=60,
                headers={"X-Request-ID": f"batch-{start}"},
            ).raise_for_status()  # fmt: skip

    def workers(self):
        return api_workers(self.process.popen.pid)

    def last_words(self):
        """What the workers that ended politely said of their records, summed up."""
        sums = Counter()
        for line in self.process.log.read_text().splitlines():
            if "the prediction log has ended" in line:
                entry = json.loads(line)
                sums.update({name: entry[name] for name in ("accepted", "written", "lost")})
        return sums

    def file_contents(self):
        return [path.read_bytes() for path in self.folder.glob("*.jsonl")]

    def metric(self, name):
        lines = httpx.get(f"{self.url}/metrics").text.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


def recorded(contents):
    """The request ids of all lines: each is whole, and none is there twice."""
    entries = [json.loads(line) for content in contents for line in content.splitlines()]
    assert all(content.endswith(b"\n") for content in contents)
    ids = [entry["id"] for entry in entries]
    assert len(ids) == len(set(ids))
    return [entry["request_id"] for entry in entries]


class Load:
    """Requests that flow meanwhile; keeps when each one that was answered had begun."""

    def __init__(self, url, threads=4):
        self.url, self.answered, self._stopped = url, {}, threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=[number]) for number in range(threads)
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, number):
        count = 0
        while not self._stopped.is_set():
            with suppress(httpx.TransportError), httpx.Client(base_url=self.url) as client:
                for _ in range(20):
                    name = f"{number}-{(count := count + 1)}"
                    headers = {"X-Request-ID": name}
                    begun = time.monotonic()
                    answer = client.post("/predict", json={"text": "good"}, headers=headers)
                    if answer.is_success:
                        self.answered[name] = begun


def check_sigterm(api, contents, texts):
    """What was answered just before SIGTERM is stored, or counted."""
    api.post_batches(texts)
    assert api.process.terminate(60) in {0, -signal.SIGTERM}
    stored, words = len(recorded(contents())), api.last_words()
    assert words["accepted"] == texts
    return stored, words


def check_sigkills(api, kills, seed):
    """Kill workers under load; whatever was answered a while before is in the files."""
    chance = random.Random(seed)
    killed_at = []
    with Load(api.url) as load:
        for _ in range(kills):
            before = len(load.answered)
            eventually(lambda before=before: len(load.answered) >= before + 60)
            time.sleep(chance.uniform(0, 1))
            victim = chance.choice(eventually(api.workers))
            victim.kill()
            killed_at.append(time.monotonic())
    assert api.process.terminate(60) in {0, -signal.SIGTERM}
    stored = set(recorded(api.file_contents()))
    assert len(load.answered) >= 60 * kills
    missing = set(load.answered) - stored
    ages = [
        min((at - load.answered[name] for at in killed_at if at >= load.answered[name]), default=99)
        for name in missing
    ]  # fmt: skip
    assert all(age <= INTERVAL + LATE_SECONDS for age in ages), sorted(ages)[-20:]
    return len(load.answered), len(missing)


@contextmanager
def closing(process):
    try:
        yield
    finally:
        if process.popen:
            process.close()


@contextmanager
def killing(process):
    """End it at once: a polite end takes a store a quarter of a minute."""
    try:
        yield
    finally:
        if process.popen:
            process.kill()
