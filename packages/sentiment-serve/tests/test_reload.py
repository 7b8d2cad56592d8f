"""Following the alias: what is swapped, what is refused, and what survives."""

import asyncio
import json

import pytest

from sentiment_core.model_package import MANIFEST_FILE, SCORER_FILE
from tests.support.tiny_models import make_scorer

pytestmark = pytest.mark.anyio


def fail_self_test(folder):
    path = folder / MANIFEST_FILE
    manifest = json.loads(path.read_text())
    manifest["self_test"][0]["positive_probability"] = 0.123
    path.write_text(json.dumps(manifest))


FAULTS = {
    "missing scorer": lambda folder: (folder / SCORER_FILE).unlink(),
    "missing manifest": lambda folder: (folder / MANIFEST_FILE).unlink(),
    "damaged scorer": lambda folder: (folder / SCORER_FILE).write_bytes(
        (folder / SCORER_FILE).read_bytes()[:-9] + b"123456789"
    ),
    "cut short": lambda folder: (folder / SCORER_FILE).write_bytes(
        (folder / SCORER_FILE).read_bytes()[:50]
    ),
    "a pickle": lambda folder: (folder / SCORER_FILE).write_bytes(b"\x80\x05cos\nsystem\n."),
    "fails its self-test": fail_self_test,
    "another scorer": lambda folder: make_scorer(1.0).save(folder / SCORER_FILE),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_bad_version_is_refused_once_and_the_old_one_answers(start, registry, fault):
    registry.add("1")
    async with start() as running:
        FAULTS[fault](registry.add("2", make_scorer(2.0)))
        assert await running.state.watcher.check() is False
        for _ in range(3):
            await running.state.watcher.check()
        assert (await running.predict()).json()["model_version"] == "1"
        (problem,) = (await running.client.get("/model-info")).json()["degraded"]
        assert problem.startswith("Version 2 (@champion) was refused: ")
        assert (await running.client.get("/health")).status_code == 200
        failures = 'sentiment_alias_check_failures_total{reason="bad-version"}'
        assert await running.metric(failures) == 1

        registry.add("3", make_scorer(3.0))
        assert await running.state.watcher.check() is True
        assert (await running.client.get("/readyz")).json()["degraded"] == []


async def test_a_refused_version_is_tried_again_when_an_admin_asks(start, registry):
    registry.add("1")
    async with start() as running:
        folder = registry.add("2", make_scorer(2.0))
        content = (folder / SCORER_FILE).read_bytes()
        (folder / SCORER_FILE).unlink()
        await running.state.watcher.check()
        (folder / SCORER_FILE).write_bytes(content)
        assert await running.state.watcher.check() is False
        answer = await running.client.post("/admin/reload")
        assert answer.json() == {"reloaded": True, "version": "2"}


async def test_rolling_back_to_a_lower_version_works_the_same_way(start, registry):
    registry.add("1", make_scorer(1.0))
    registry.add("2", make_scorer(2.0))
    async with start() as running:
        registry.aliases["champion"] = "1"
        assert await running.state.watcher.check() is True
        assert (await running.predict()).json()["model_version"] == "1"


async def test_a_registry_that_is_away_changes_nothing_but_is_reported(start, registry):
    registry.add("1")
    async with start() as running:
        registry.reachable = False
        await running.state.watcher.check()
        assert (await running.predict()).status_code == 200
        ready = await running.client.get("/readyz")
        assert ready.status_code == 200
        assert "does not answer" in ready.json()["degraded"][0]
        registry.reachable = True
        await running.state.watcher.check()
        assert (await running.client.get("/readyz")).json()["degraded"] == []


async def test_an_alias_that_is_taken_away_leaves_the_last_champion(start, registry):
    registry.add("1")
    async with start() as running:
        registry.aliases.clear()
        await running.state.watcher.check()
        assert (await running.predict()).json()["model_version"] == "1"


async def test_a_start_from_the_cache_needs_nobody_and_says_so(start, registry):
    registry.add("1")
    async with start():
        pass
    registry.reachable = False
    async with start() as running:
        assert (await running.predict()).json()["model_version"] == "1"
        info = (await running.client.get("/model-info")).json()
        assert info["from_cache"] is True
        assert any("from the cache" in line for line in info["degraded"])
        registry.reachable = True
        await running.state.watcher.check()
        info = (await running.client.get("/model-info")).json()
        assert info["from_cache"] is False
        assert info["degraded"] == []


async def test_a_damaged_cache_is_fetched_again(start, registry):
    registry.add("1")
    async with start() as running:
        (package,) = running.state.settings.cache_dir.glob("package-*")
    (package / SCORER_FILE).write_bytes(b"rubbish")
    async with start() as running:
        assert (await running.predict()).status_code == 200
        assert (await running.client.get("/model-info")).json()["from_cache"] is False


async def test_the_cache_keeps_only_the_latest_packages(start, registry):
    async with start() as running:
        for number in range(8):
            registry.add(str(number), make_scorer(1.0 + number))
            await running.state.watcher.check()
        assert len(list(running.state.settings.cache_dir.glob("package-*"))) == 5
        assert not list(running.state.settings.cache_dir.glob(".fetch-*"))


async def test_an_answer_never_mixes_two_versions(start, registry):
    """Odd versions say the opposite of even ones, and the alias moves all the time."""
    registry.add("1", make_scorer(-4.0))
    async with start() as running:
        stop = asyncio.Event()

        async def reload_storm():
            for number in range(2, 60):
                registry.add(
                    str(number), make_scorer(-4.0 - number if number % 2 else 4.0 + number)
                )
                await running.state.watcher.check()
            stop.set()

        async def ask():
            seen = set()
            while not stop.is_set():
                body = (await running.predict("good")).json()
                odd = int(body["model_version"]) % 2
                assert body["sentiment"] == ("negative" if odd else "positive")
                seen.add(body["model_version"])
                batch = await running.client.post("/predict/batch", json={"texts": ["good"] * 5})
                assert len({str(item) for item in batch.json()["predictions"]}) == 1
            return seen

        _, *seen = await asyncio.gather(reload_storm(), *(ask() for _ in range(4)))
        assert len(set().union(*seen)) > 10


async def test_the_background_check_follows_without_being_asked(start, registry):
    registry.add("1")
    async with start(model_reload_interval=0.05) as running:
        registry.add("2", make_scorer(2.0))
        for _ in range(200):
            if (await running.predict()).json()["model_version"] == "2":
                break
            await asyncio.sleep(0.02)
        assert (await running.predict()).json()["model_version"] == "2"


async def test_an_interval_of_zero_checks_at_the_start_only(start, registry):
    registry.add("1")
    async with start(model_reload_interval=0) as running:
        await asyncio.sleep(0.2)
        asked = registry.asked
        await asyncio.sleep(0.2)
        assert registry.asked == asked
        assert (await running.predict()).status_code == 200
