"""Errors over HTTP: one table, which knows every class of the tree."""

import importlib
import pkgutil
from http import HTTPStatus

import httpx
import pytest
from fastapi import FastAPI

import sentiment_serve
from sentiment_core.errors import error_classes
from sentiment_serve.api.problems import HEADERS, STATUSES, install_problem_handlers

for module in pkgutil.walk_packages(sentiment_serve.__path__, "sentiment_serve."):
    importlib.import_module(module.name)

PACKAGES = ("sentiment_core.", "sentiment_serve.")
OURS = [cls for cls in error_classes() if cls.__module__.startswith(PACKAGES)]


def test_the_table_knows_every_class_and_nothing_else():
    assert set(STATUSES) == {cls.code for cls in OURS}
    assert set(HEADERS) <= set(STATUSES)
    assert all(status >= HTTPStatus.BAD_REQUEST for status in STATUSES.values())


@pytest.mark.anyio
@pytest.mark.parametrize("cls", OURS, ids=lambda cls: cls.code)
async def test_each_class_leaves_as_a_problem_with_its_code(cls):
    app = FastAPI()
    install_problem_handlers(app)

    @app.get("/")
    async def fail():
        raise cls("A plain sentence.")

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        answer = await client.get("/")
    assert answer.status_code == STATUSES[cls.code]
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank", "title": STATUSES[cls.code].phrase, "status": answer.status_code,
        "code": cls.code, "detail": "A plain sentence.",
    }  # fmt: skip
    for name, value in HEADERS.get(cls.code, {}).items():
        assert answer.headers[name] == value


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("POST", "/predict", {"text": " "}, "blank-text"),
        ("POST", "/predict", {"text": 1}, "invalid-input"),
        ("POST", "/predict/batch", {"texts": [" ", 1]}, "invalid-input"),
        ("POST", "/predict", {"text": "a" * 30_000}, "invalid-input"),
        ("POST", "/predict", {"text": "good"}, "not-ready"),
        ("POST", "/feedback", {"request_id": "x", "sentiment": "positive"}, "not-found"),
        ("GET", "/nowhere", None, "not-found"),
        ("GET", "/predict", None, "method-not-allowed"),
    ],
)
async def test_every_problem_of_the_api_has_a_code(start, registry, method, path, body, code):
    if code != "not-ready":
        registry.add("1")
    async with start() as running:
        answer = await running.client.request(method, path, json=body)
        assert answer.json()["code"] == code
