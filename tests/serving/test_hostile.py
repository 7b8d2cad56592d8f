"""What a stranger sends on purpose: over a real socket, on every route that takes a body."""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from sentiment_serve.api.access import SCOPE_OF_ROUTE
from tests.support import eventually

pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.timeout(180)]

ROUTES = sorted(SCOPE_OF_ROUTE)
FIELD = {"/predict": "text", "/explain": "text", "/predict/batch": "texts",
         "/feedback": "request_id"}  # fmt: skip
DEEP = 100_000


def value_of(route, text):
    """JSON of a body that holds a text where the route expects one."""
    content = json.dumps([text] if route.endswith("batch") else text)
    label = ', "sentiment": "positive"' if route == "/feedback" else ""
    return f'{{"{FIELD[route]}": {content}{label}}}'


BODIES = {
    "nothing": lambda _route: b"",
    "no JSON": lambda _route: b"\x00\x01\x02",
    "no UTF-8": lambda route: value_of(route, "x").encode().replace(b"x", b"\xff\xfe"),
    "deep arrays": lambda _route: b"[" * DEEP,
    "deep objects": lambda _route: b'{"text":' * DEEP,
    "deep and closed": lambda route: f'{{"{FIELD[route]}": {"[" * DEEP}{"]" * DEEP}}}'.encode(),
    "a lone surrogate": lambda route: value_of(route, "good \ud800 film").encode(),
    "a zero byte": lambda route: value_of(route, "good \x00 film").encode(),
    "a huge number": lambda route: f'{{"{FIELD[route]}": {"9" * 5000}}}'.encode(),
    "not a number": lambda route: f'{{"{FIELD[route]}": NaN}}'.encode(),
    "a key twice": lambda route: (
        value_of(route, "bad")[:-1] + "," + value_of(route, "good")[1:]
    ).encode(),
    "many keys": lambda _route: json.dumps({str(i): i for i in range(20_000)}).encode(),
    "another type": lambda _route: b"<text>good</text>",
}  # fmt: skip


@pytest.fixture
def hostile_api(start_api, publisher, tmp_path):
    publisher.publish(tmp_path)
    with start_api() as api:
        eventually(api.version)
        yield api


def test_no_body_breaks_it(hostile_api):
    """An answer that says what is wrong, or a plain success; the worker lives on."""
    for name, body in BODIES.items():
        for route in ROUTES:
            answer = hostile_api.client.post(
                route, content=body(route), headers={"Content-Type": "application/json"}
            )
            # A label for a request that nobody made is 404.
            assert answer.status_code in {200, 400, 404, 422}, (name, route, answer.text)
            if answer.status_code != 200:
                assert answer.headers["content-type"] == "application/problem+json"
        assert hostile_api.client.post("/predict", json={"text": "good"}).is_success, name


def test_the_last_of_two_equal_keys_counts(hostile_api):
    answer = hostile_api.client.post(
        "/predict", content=BODIES["a key twice"]("/predict"),
        headers={"Content-Type": "application/json"},
    )  # fmt: skip
    assert answer.json()["sentiment"] == "positive"


def test_lone_surrogates_are_treated_alike(hostile_api):
    statuses = {
        route: hostile_api.client.post(
            route, content=BODIES["a lone surrogate"](route),
            headers={"Content-Type": "application/json"},
        ).status_code
        for route in ROUTES
    }  # fmt: skip
    assert set(statuses.values()) == {422}, statuses


def test_a_slow_body_ends_and_holds_nobody_up(start_api, publisher, tmp_path):
    publisher.publish(tmp_path)
    with start_api(BODY_TIMEOUT="1") as api:
        eventually(api.version)
        address = (api.client.base_url.host, api.client.base_url.port)
        slow = [socket.create_connection(address) for _ in range(20)]
        for connection in slow:
            connection.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n"
                               b"Content-Type: application/json\r\n\r\n{")  # fmt: skip
        idle = [socket.create_connection(address) for _ in range(200)]
        assert all(
            httpx.post(f"{api.url}/predict", json={"text": "good"}).is_success for _ in range(20)
        )
        for connection in slow:
            connection.settimeout(30)
            for _ in range(3):  # a byte now and then changes nothing
                connection.sendall(b" ")
            assert connection.recv(4096).startswith(b"HTTP/1.1 408")
        for connection in (*slow, *idle):
            connection.close()


def test_short_texts_are_answered_while_batches_are_scored(start_api, publisher, tmp_path):
    """How long it takes is no matter here: each short one gets its answer meanwhile."""
    publisher.publish(tmp_path)
    body = {"texts": ["good bad " * 400] * 256}
    with start_api(MAX_BODY_BYTES=str(1 << 22)) as api, ThreadPoolExecutor(4) as pool:
        eventually(api.version)
        batches = [
            pool.submit(httpx.post, f"{api.url}/predict/batch", json=body, timeout=60)
            for _ in range(4)
        ]
        answered = 0
        while not all(batch.done() for batch in batches):
            assert api.client.post("/predict", json={"text": "good"}).is_success
            answered += 1
            time.sleep(0.001)
        assert all(batch.result().is_success for batch in batches)
    assert answered >= 4
