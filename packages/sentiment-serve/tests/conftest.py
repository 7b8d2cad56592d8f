import httpx
import pytest

from sentiment_core.store_settings import StoreSettings
from sentiment_serve.api.state import app_state
from sentiment_serve.app import create_app
from sentiment_serve.settings import ServeSettings
from tests.support.tiny_models import FolderRegistry


@pytest.fixture
def registry(tmp_path, monkeypatch):
    registry = FolderRegistry(tmp_path / "registry")
    monkeypatch.setattr("sentiment_serve.app.open_source", lambda *_: registry)
    return registry


class RunningApp:
    """An application with its lifespan running, and a client of it."""

    def __init__(self, settings, client_host):
        self.app = create_app(settings, StoreSettings())
        transport = httpx.ASGITransport(self.app, client=(client_host, 5000))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://api")
        self.state = app_state(self.app)

    async def __aenter__(self):
        self._lifespan = self.app.router.lifespan_context(self.app)
        await self._lifespan.__aenter__()
        await self.state.watcher.check()
        return self

    async def __aexit__(self, *error):
        await self.client.aclose()
        await self._lifespan.__aexit__(*error)

    async def predict(self, text="good", **headers):
        return await self.client.post("/predict", json={"text": text}, headers=headers)

    async def metric(self, name):
        """Sum the samples whose line starts with a name."""
        lines = (await self.client.get("/metrics")).text.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


@pytest.fixture
def start(tmp_path, registry):
    def start(client_host="127.0.0.1", **settings):
        settings = {"sentiment_home": tmp_path / "home", "access_log": False, **settings}
        return RunningApp(ServeSettings(**settings), client_host)

    return start


@pytest.fixture
def anyio_backend():
    return "asyncio"
