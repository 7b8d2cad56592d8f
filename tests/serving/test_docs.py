"""The description of the API, in a real browser that may ask nobody but the API."""

import sys
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from tests.browser import chromium_page
from tests.support import free_port, running

# An application under a prefix, as behind a proxy that takes the prefix away.
PREFIXED = """
import sys
import uvicorn
from sentiment_core.store_settings import StoreSettings
from sentiment_serve.app import create_app
from sentiment_serve.settings import ServeSettings

app = create_app(ServeSettings(), StoreSettings())

async def proxy(scope, receive, send):
    if scope["type"] == "http":
        assert scope["path"].startswith("/api/"), scope["path"]
        path = scope["path"].removeprefix("/api")
        scope = scope | {"path": path, "raw_path": path.encode()}
    await app(scope, receive, send)

uvicorn.run(proxy, port=int(sys.argv[1]), lifespan="on")
"""


@contextmanager
def opened(url):
    with chromium_page(width=1200, height=1000) as page:
        asked, errors = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("requestfailed", lambda request: errors.append(request.url))
        page.on("response", lambda answer: errors.append(answer.url) if not answer.ok else None)
        page.on("pageerror", lambda error: errors.append(error))
        page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        page.goto(f"{url}/docs")
        yield page, asked
        assert errors == []
        assert len(asked) > 3
        assert all(address.startswith((url, "data:", "blob:")) for address in asked)


def try_an_operation(page):
    expect(page.locator(".opblock-summary-path", has_text="/explain")).to_be_visible()
    operation = page.locator(".opblock", has=page.locator("[data-path='/livez']"))
    operation.locator(".opblock-summary").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table")).to_contain_text("alive")


def test_the_operations_are_shown_and_tried_without_the_internet(start_api):
    with start_api() as api, opened(api.url) as (page, _):
        assert page.title() == "Sentiment API"
        try_an_operation(page)


@pytest.mark.filterwarnings("default")
def test_they_are_shown_under_a_prefix_too(tmp_path):
    port = str(free_port())
    with (
        running(
            [sys.executable, "-c", PREFIXED, port], f"http://127.0.0.1:{port}",
            tmp_path / "api.log", ready="/api/livez", SENTIMENT_HOME=str(tmp_path / "home"),
        ),
        opened(f"http://127.0.0.1:{port}/api") as (page, asked),
    ):  # fmt: skip
        try_an_operation(page)
        assert f"http://127.0.0.1:{port}/api/livez" in asked
