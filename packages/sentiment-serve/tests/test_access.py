"""Keys with scopes, and limits."""

import logging
import subprocess
import sys

import pytest

from sentiment_core.errors import SettingsError
from sentiment_serve import api_keys as key_module
from sentiment_serve.api.access import INFERENCE_ROUTES, SCOPE_OF_INFERENCE, SCOPE_OF_ROUTE
from sentiment_serve.api_keys import SCOPES, KeyRing, new_key, read_keys

pytestmark = pytest.mark.anyio

BODIES = {
    "/predict": {"text": "good"},
    "/predict/batch": {"texts": ["good"]},
    "/explain": {"text": "good"},
    "/feedback": {"request_id": "1", "sentiment": "positive"},
}
TENSOR = {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["good"]}]}
MODEL = "/v2/models/sentiment-classifier"
NEEDED = SCOPE_OF_ROUTE | {
    f"{MODEL}/infer": SCOPE_OF_INFERENCE, f"{MODEL}/versions/1/infer": SCOPE_OF_INFERENCE
}  # fmt: skip


@pytest.fixture(autouse=True)
def changes_are_seen_at_once(monkeypatch):
    monkeypatch.setattr(key_module, "_CHECK_SECONDS", 0)


def write(path, *lines):
    path.write_text("# name scopes hash\n\n" + "\n".join(lines) + "\n")


@pytest.fixture
def made():
    """A key for each scope and one for all, with their lines, by name."""
    return {scope: new_key(scope, [scope]) for scope in SCOPES} | {
        "all": new_key("all", list(SCOPES))
    }


@pytest.fixture
def path(tmp_path, made):
    path = tmp_path / "keys.txt"
    write(path, *(line for _key, line in made.values()))
    return path


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


async def post(running, route, headers=None):
    body = TENSOR if route.startswith(MODEL) else BODIES.get(route)
    return await running.client.post(route, json=body, headers=headers)


async def test_each_route_asks_for_its_scope(start, registry, path, made):
    registry.add("1")
    async with start(api_keys_file=path, client_host="10.0.0.9") as running:
        for route, needed in [*NEEDED.items(), ("/admin/reload", "admin")]:
            for name, (key, _line) in made.items():
                status = (await post(running, route, bearer(key))).status_code
                allowed = name in {needed, "all"}
                assert (status in {200, 404}) if allowed else (status == 403), (route, name)
        for route in NEEDED:
            for headers in ({}, bearer("sk_unknown"), {"Authorization": "Basic eDp5"}):
                answer = await post(running, route, headers)
                assert (answer.status_code, answer.json()["code"]) == (401, "token-missing")
                assert answer.headers["www-authenticate"] == "Bearer"
        assert (await running.client.get("/readyz")).status_code == 200
        assert await running.metric('sentiment_requests_by_key_total{key="all"') == len(NEEDED)


async def test_every_documented_route_is_open_on_purpose_or_asks(start, path):
    async with start(api_keys_file=path) as running:
        paths = set((await running.client.get("/openapi.json")).json()["paths"])
    public = {
        "/health",
        "/livez",
        "/readyz",
        "/metrics",
        "/model-info",
        "/model-report",
        "/model-versions",
    }
    signed = {"/admin/reload", "/admin/rollback", "/webhooks/mlflow"}
    assert {path for path in paths if path.startswith("/v2")} - set(INFERENCE_ROUTES) == {
        "/v2", "/v2/health/live", "/v2/health/ready", *(
            f"/v2/models/{{name}}{version}{ready}"
            for version in ("", "/versions/{version}") for ready in ("", "/ready")
        ),
    }  # fmt: skip
    others = {path for path in paths if not path.startswith("/v2")}
    assert others - public - signed == set(SCOPE_OF_ROUTE)


async def test_the_token_of_the_administrator_works_beside(start, registry, path, made):
    registry.add("1")
    async with start(api_keys_file=path, admin_token="secret") as running:
        for key, expected in ((made["admin"][0], 200), ("secret", 200), (made["predict"][0], 403)):
            answer = await post(running, "/admin/reload", bearer(key))
            assert answer.status_code == expected


async def test_keys_change_without_a_restart(start, registry, path, made, caplog):
    registry.add("1")
    old, new = made["predict"], new_key("predict", ["predict"])
    async with start(api_keys_file=path) as running:

        async def status(key):
            return (await post(running, "/predict", bearer(key))).status_code

        write(path, old[1], new[1])  # both work while the client changes
        assert [await status(key) for key in (old[0], new[0])] == [200, 200]
        write(path, new[1])
        assert [await status(key) for key in (old[0], new[0])] == [401, 200]
        for damage in ("nonsense", "", None):
            path.unlink(missing_ok=True)
            if damage is not None:
                path.write_text(damage)
            assert [await status(key) for key in (old[0], new[0])] == [401, 200]
        assert await running.metric("sentiment_api_key_file_failures_total") >= 3
        assert new[0] not in caplog.text
        write(path, old[1])
        assert [await status(key) for key in (old[0], new[0])] == [200, 401]


async def test_the_log_names_the_key_and_does_not_show_it(start, registry, path, made, caplog):
    registry.add("1")
    caplog.set_level(logging.INFO)
    async with start(api_keys_file=path, access_log=True) as running:
        await post(running, "/predict", bearer(made["predict"][0]))
    line = next(record for record in caplog.records if record.name == "sentiment_serve.access")
    assert line.key == "predict"
    assert made["predict"][0] not in caplog.text


HASH = "0" * 64


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "holds no key"),
        ("# nothing", "holds no key"),
        ("shop predict", "line 1: it must be a name, scopes and a SHA-256"),
        (f"# first\nsh/op predict {HASH}", "line 2: the name must be"),
        (f"shop predict,everything {HASH}", "line 1: scopes are predict, feedback, admin"),
        (f"shop predict, {HASH}", "line 1: scopes are"),
        (f"shop predict {HASH[1:]}", "line 1: the third word must be a SHA-256"),
        (f"shop predict {HASH} {HASH}", "line 1: it must be"),
        (b"\xff\xfe", "is not UTF-8"),
        ("\n".join(f"k{i} predict {i:064x}" for i in range(1001)), "more than 1000 keys"),
        (None, "Cannot read API_KEYS_FILE"),
    ],
    ids=range(11),
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_told_and_nobody_gets_in(tmp_path, content, reason):
    path = tmp_path / "keys.txt"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SettingsError, match=reason):
        read_keys(path)
    with pytest.raises(SettingsError):
        KeyRing(path, lambda: None)


@pytest.mark.parametrize("arguments", [["new-key", "shop", "--scope", "feedback"],
                                       ["new-key", "shop"]])  # fmt: skip
def test_the_command_makes_a_key_that_its_line_lets_in(tmp_path, arguments):
    command = [sys.executable, "-c", "from sentiment_serve.process.main import main; main()"]
    result = subprocess.run([*command, *arguments], capture_output=True, text=True, check=True)
    key, line = (text.strip() for text in result.stdout.splitlines()[1::2])
    (tmp_path / "keys.txt").write_text(line)
    found = KeyRing(tmp_path / "keys.txt", lambda: None).find(key)
    assert found.name == "shop"
    assert found.scopes == {arguments[-1] if "--scope" in arguments else "predict"}


async def test_a_limit_counts_for_each_address_and_each_key(start, registry, path, made):
    registry.add("1")
    async with start(rate_limit="3/hour", client_host="10.0.0.9") as running:
        answers = [await post(running, "/predict") for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert answers[0].headers["ratelimit-policy"] == '"default";q=3;w=3600'
        assert answers[0].headers["ratelimit"].startswith('"default";r=2;t=')
        limited = answers[-1]
        assert limited.json()["code"] == "too-many-requests"
        assert 0 < int(limited.headers["retry-after"]) <= 3600
        assert (await running.client.get("/readyz")).status_code == 200
    async with start(rate_limit="3/hour", api_keys_file=path) as running:
        for name in ("predict", "all"):
            statuses = [
                (await post(running, "/predict", bearer(made[name][0]))).status_code
                for _ in range(4)
            ]
            assert statuses == [200, 200, 200, 429]


async def test_the_description_says_what_is_needed(start, path):
    async with start(rate_limit="3/hour", api_keys_file=path) as running:
        paths = (await running.client.get("/openapi.json")).json()["paths"]
    for route, scope in SCOPE_OF_ROUTE.items():
        operation = paths[route]["post"]
        assert operation["security"] == [{"HTTPBearer": []}]
        assert operation["x-scope"] == scope
        assert {"401", "403", "429"} <= set(operation["responses"])


async def test_admin_may_be_open_where_the_port_is(start, registry):
    registry.add("1")
    async with start(admin_open=True, client_host="172.18.0.1") as running:
        assert (await running.client.post("/admin/reload")).status_code == 200
        proxied = {"X-Forwarded-For": "10.0.0.9"}
        answer = await running.client.post("/admin/reload", headers=proxied)
        assert answer.status_code == 403
