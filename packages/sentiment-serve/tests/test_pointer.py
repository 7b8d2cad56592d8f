"""Serving from a folder with a champion.json, with no registry at all."""

import httpx
import pytest
from pydantic import ValidationError

from sentiment_core.champion_pointer import POINTER_FILE, ChampionPointer
from sentiment_core.errors import ModelPackageError
from sentiment_core.store_settings import StoreSettings
from sentiment_serve.api.state import app_state
from sentiment_serve.app import create_app
from sentiment_serve.settings import ServeSettings
from tests.support.tiny_models import export_version, make_scorer

pytestmark = pytest.mark.anyio


def export(folder, version, weight=4.0):
    export_version(folder, version, make_scorer(weight))


@pytest.fixture
async def follow(tmp_path):
    """Runs an application on a folder; gives the check of its watcher and a client."""
    folder = tmp_path / "exported"
    folder.mkdir()
    settings = ServeSettings(
        sentiment_home=tmp_path / "home", access_log=False,
        model_source=folder.as_uri(), model_reload_interval=0,
    )  # fmt: skip
    app = create_app(settings, StoreSettings())
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://api") as client,
    ):
        yield folder, app_state(app).watcher.check, client


async def predict(client):
    answer = await client.post("/predict", json={"text": "good"})
    return answer.json().get("model_version")


async def test_the_pointer_is_followed_up_and_down(follow):
    folder, check, client = follow
    await check()
    health = await client.get("/health")
    assert health.status_code == 503
    assert "has no champion.json. Export one with `sentiment-cli" in health.json()["detail"]
    for version, weight in (("1", 1.0), ("2", 2.0), ("1", 1.0)):
        export(folder, version, weight)
        await check()
        assert await predict(client) == version
    info = (await client.get("/model-info")).json()
    assert (info["model_name"], info["run_id"], info["degraded"]) == ("exported", "run", [])


@pytest.mark.parametrize("content", ["", "[]", '{"version": "2"}'])
async def test_a_damaged_pointer_changes_nothing_but_is_reported(follow, content):
    folder, check, client = follow
    export(folder, "1")
    await check()
    (folder / POINTER_FILE).write_text(content)
    await check()
    assert await predict(client) == "1"
    assert "malformed" in (await client.get("/readyz")).json()["degraded"][0]


async def test_a_pointer_to_a_damaged_version_is_refused(follow):
    folder, check, client = follow
    export(folder, "1")
    await check()
    export(folder, "2", weight=2.0)
    (folder / "2" / "scorer.bin").write_bytes(b"rubbish")
    await check()
    assert await predict(client) == "1"
    assert "Version 2" in (await client.get("/readyz")).json()["degraded"][0]


@pytest.mark.parametrize("package", ["../elsewhere", "..", "", "a/b"])
def test_a_pointer_cannot_lead_elsewhere(package):
    content = ChampionPointer("n", "1", "r", package, "d").to_json()
    with pytest.raises(ModelPackageError, match="names the folder"):
        ChampionPointer.from_json(content)


def test_the_source_may_name_the_folder_or_the_file_or_a_registered_model(tmp_path):
    def settings(source):
        return ServeSettings(sentiment_home=tmp_path, model_source=source)

    assert settings("s3://models/x").pointer_folder == "s3://models/x"
    assert settings("s3://models/x/champion.json").pointer_folder == "s3://models/x"
    assert settings("models:/other@champion").registered_model == "other"
    assert settings("models:/other@champion").pointer_folder is None
    assert settings(None).registered_model == "sentiment-classifier"


@pytest.mark.parametrize(
    "wrong",
    [
        {"model_source": "models:/x/3"},
        {"model_source": "ftp://x"},
        {"model_source": "s3://models/x", "challenger_mode": "shadow"},
    ],
)
def test_a_source_that_cannot_be_followed_is_refused(wrong):
    with pytest.raises(ValidationError, match=r"MODEL_SOURCE|CHALLENGER_MODE"):
        ServeSettings(**wrong)
