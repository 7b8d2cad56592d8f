"""Promotions at once: far more orders than the default run tries, and rounds on real databases.

PROMOTION_ROUNDS chooses how many of the latter.
"""

import itertools
import os
import random
import shutil
import signal
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from sentiment_cli.stack.programs import find_postgres
from sentiment_core.registry_names import CHAMPION, PREVIOUS
from sentiment_train.registry.authority import HISTORY_TAG, Authority
from sentiment_train.registry.lease import LEASE_TAG, LeaseTerms
from sentiment_train.registry.model_record import MlflowRecord
from sentiment_train.registry.promotion import promote_under_lease
from tests.support import eventually, free_port
from tests.support.interleaving import Plan, ScoreJudge, play

pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.timeout(1200)]

SCORES = {"1": 0.5, "2": 0.7, "3": 0.9, "4": 0.8, "5": 0.6}
EVERYTHING = Plan(SCORES, ("1",), ("2", "3", "4"), rollbacks=1, crowned_by_hand=("5",))
ROUNDS = int(os.environ.get("PROMOTION_ROUNDS", "200"))


def test_every_order_with_one_preemption_and_a_sample_of_those_with_two():
    """Few preemptions find most races (Musuvathi and Qadeer, PLDI 2007)."""
    points = [(at, to) for at in range(75) for to in range(1, 5)]
    pairs = random.Random(7).sample([*itertools.product(points, points)], 3000)
    for chosen in [*((point,) for point in points), *pairs]:
        schedule = [0] * 80
        for at, to in chosen:
            schedule[at] = to
        play(_with(EVERYTHING, schedule=tuple(schedule)))


def test_random_orders_with_deaths_and_frozen_holders():
    chance = random.Random(11)
    for _ in range(1500):
        deaths = {chance.randrange(5): chance.randrange(1, 15) for _ in range(chance.randrange(3))}
        freezes = {
            chance.randrange(5): (chance.randrange(1, 15), chance.choice([9.0, 19.0, 25.0, 45.0]))
            for _ in range(chance.randrange(3))
        }
        schedule = tuple(chance.randrange(5) for _ in range(90))
        history = chance.choice([(), ("1",), ("5", "1")])
        play(_with(EVERYTHING, history=history, schedule=schedule, deaths=deaths, freezes=freezes))


def test_a_death_and_a_freeze_at_every_pair_of_calls():
    plan = Plan(SCORES, ("5", "1"), ("2", "3"), rollbacks=1)
    for dies, freezes in itertools.product(range(1, 15), range(1, 15)):
        for seconds in (9.0, 45.0):
            play(_with(plan, deaths={0: dies}, freezes={1: (freezes, seconds)}))
            play(_with(plan, deaths={2: dies}, freezes={0: (freezes, seconds)}))


def _with(plan, **changes):
    return Plan(**(vars(plan) | changes))


@contextmanager
def sqlite():
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/mlflow.db"


@contextmanager
def postgres():
    # Not pytest's own folder: nobody, who runs PostgreSQL for root, has to get into it.
    folder = Path(tempfile.mkdtemp(prefix="sentiment-postgres-"))
    data, port = folder / "data", free_port()
    programs = Path(find_postgres(data).path)
    user = {"user": "nobody"} if os.geteuid() == 0 else {}
    if user:
        shutil.chown(folder, "nobody")
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N"],
        check=True, stdout=subprocess.DEVNULL, cwd=folder, **user,
    )  # fmt: skip
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, "-p", str(port), "-k", folder,
             "-c", "listen_addresses=127.0.0.1"],
            stdout=log, stderr=log, cwd=folder, **user,
        )  # fmt: skip
    try:
        eventually(lambda: "ready to accept" in (folder / "log").read_text())
        yield f"postgresql+psycopg2://postgres@127.0.0.1:{port}/postgres"
    finally:
        process.send_signal(signal.SIGINT)  # SIGTERM waits for clients, whose pools stay open
        process.wait()
        shutil.rmtree(folder)


@pytest.mark.parametrize("database", [sqlite, postgres])
def test_rounds_of_four_at_once_on_a_real_database(database):
    with database() as uri:
        client = MlflowClient(uri, uri)
        client.create_registered_model("m")
        for _ in range(5):
            client.create_model_version("m", "file:///nothing")
        chance = random.Random(3)
        with ThreadPoolExecutor(4) as pool:
            for _ in range(ROUNDS):
                _play_round(uri, client, pool, chance)
    mlflow.set_tracking_uri(None)


def _play_round(uri, client, pool, chance):
    record = MlflowRecord("m", client)
    for alias in record.read().aliases:
        record.delete_alias(alias)
    record.delete_tag(HISTORY_TAG)
    record.set_alias(CHAMPION, "1")
    values = chance.sample(range(1, 100), 5)
    scores = dict(zip("12345", [min(values), *values[1:]], strict=True))

    def promote(version):
        own = MlflowRecord("m", MlflowClient(uri, uri))
        return promote_under_lease(
            Authority(own, LeaseTerms()), version, ScoreJudge(version, scores)
        )

    decisions = dict(zip("2345", pool.map(promote, "2345"), strict=True))
    aliases, tags = record.read()
    best = max(scores, key=scores.get)
    assert aliases[CHAMPION] == best
    assert not [tag for tag in tags if tag.startswith(LEASE_TAG)]
    promoted = [version for version, decision in decisions.items() if decision.promoted]
    in_order = sorted(promoted, key=scores.get)
    assert tags[HISTORY_TAG] == str(["1", *in_order]).replace("'", '"')
    assert aliases.get(PREVIOUS) == ["1", *in_order][-2] if in_order else PREVIOUS not in aliases
