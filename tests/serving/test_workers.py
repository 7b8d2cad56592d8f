"""Real processes of an API: who dies, what becomes of the others, and who is answered when."""

import asyncio
import os
import signal
import time
from contextlib import closing, contextmanager

import httpx
import psutil
import pytest

from tests.support import BIN, Process, api_workers, eventually, free_port, running

pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.timeout(120)]

WORKERS = 2


@pytest.fixture
def start(tmp_path, exported):
    @contextmanager
    def start(port=None, workers=WORKERS, *, forked=True, **environment):
        port = port or free_port()
        with running(
            [str(BIN / "sentiment-serve")], f"http://127.0.0.1:{port}", tmp_path / "api.log",
            ready="/readyz", PORT=str(port), SENTIMENT_HOME=str(tmp_path / "home"),
            MODEL_SOURCE=exported.folder.as_uri(), WORKERS=str(workers), **environment,
        ) as process:  # fmt: skip
            process.port = port
            if workers == WORKERS and forked:
                workers_of(process)
            eventually(lambda: process.log.read_text().count("startup complete") >= workers)
            yield process

    return start


def workers_of(process, former=()):
    """Return the workers as soon as all are there, and none of the former ones is."""

    def complete():
        found = api_workers(process.popen.pid)
        return len(found) == WORKERS and not set(found) & set(former) and found

    return eventually(complete)


def predict(process):
    answer = httpx.post(f"{process.url}/predict", json={"text": "good"}, timeout=30)
    return answer.status_code


def test_no_worker_outlives_the_process_that_started_them(start):
    with start() as process:
        left = workers_of(process)
        os.kill(process.popen.pid, signal.SIGKILL)
        psutil.wait_procs(left, timeout=30)
        assert not any(worker.is_running() for worker in left)
        # Nobody holds the port, so that it can be started again.
        with start(process.port) as second:
            assert predict(second) == 200


def test_a_worker_that_is_killed_is_replaced(start):
    with start() as process:
        first = workers_of(process)
        first[0].kill()
        eventually(lambda: not first[0].is_running())
        workers_of(process, former=first[:1])
        assert predict(process) == 200
        assert first[1].is_running()


def test_workers_go_on_when_the_process_they_are_forked_from_is_killed(start):
    with start() as process:
        first = workers_of(process)
        first[0].parent().kill()
        second = workers_of(process, former=first)
        psutil.wait_procs(first, timeout=30)
        assert not any(worker.is_running() for worker in first)
        assert predict(process) == 200
        assert process.terminate() == 0
        assert not any(worker.is_running() for worker in second)


def test_workers_start_by_themselves_where_none_can_be_forked(start, tmp_path):
    """The socket of the process that forks them has a path, and paths of sockets are short."""
    place = tmp_path / ("long" * 30)
    place.mkdir()
    with start(forked=False, TMPDIR=str(place)) as process:
        log = process.log.read_text()
        assert log.count("a worker cannot be forked") == WORKERS
        assert "Traceback" not in log
        assert predict(process) == 200
        os.kill(process.popen.pid, signal.SIGKILL)
        eventually(
            lambda: process.log.read_text().count("looks after this worker any more") == WORKERS
        )


def test_a_signal_to_all_processes_at_once_is_a_polite_end(start):
    """A terminal, systemd and honcho send it to the whole group."""
    with start(DRAIN_SECONDS="1") as process:
        all_workers = workers_of(process)
        os.killpg(process.popen.pid, signal.SIGTERM)
        assert process.popen.wait(30) == 0
        assert not any(worker.is_running() for worker in all_workers)
        log = process.log.read_text()
        assert log.count("Application shutdown complete") == WORKERS
        assert "Traceback" not in log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
@pytest.mark.parametrize("seconds", [0.2, 0.6, 1.2, 2.5])
def test_a_signal_to_all_while_they_start_is_a_quiet_end(tmp_path, exported, number, seconds):
    process = Process(
        [str(BIN / "sentiment-serve")], "", tmp_path / "api.log",
        os.environ | {
            "PORT": str(free_port()), "SENTIMENT_HOME": str(tmp_path / "home"),
            "MODEL_SOURCE": exported.folder.as_uri(), "WORKERS": str(WORKERS),
        }, ready="",
    )  # fmt: skip
    process.launch()
    with closing(process):
        time.sleep(seconds)
        family = psutil.Process(process.popen.pid).children(recursive=True)
        os.killpg(process.popen.pid, number)
        process.popen.wait(60)
        psutil.wait_procs(family, timeout=30)
        assert not any(member.is_running() for member in family)
        if family:  # before, it is Python itself that is interrupted
            assert "Traceback" not in process.log.read_text()
            assert process.popen.returncode == 0


def test_nothing_is_imported_from_the_working_folder(start, tmp_path):
    (tmp_path / "limits.py").write_text("raise SystemExit('imported')")
    with start(cwd=tmp_path) as process:
        assert predict(process) == 200


def test_workers_share_what_they_import(start):
    """What a further worker costs: memory that no other process has."""
    with start() as process:
        for worker in workers_of(process):
            memory = worker.memory_full_info()
            assert memory.uss < 0.75 * memory.rss


def test_new_clients_do_not_wait_while_others_are_answered_again_and_again(start):
    """Half of the clients have a request under way all the time; the others come all at once."""
    clients, rounds_before, rounds_meanwhile = 30, 3, 10
    body = b'{"text": "%s"}' % (b"good &eacute; " * 1400)
    request = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    request += b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    answered, newcomers = [0] * clients, [False] * clients

    async def ask(reader, writer):
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        await reader.readuntil(b"}")

    async def stay(port, number):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while not all(newcomers):
            await ask(reader, writer)
            answered[number] += 1
        writer.close()

    async def come(port, number):
        while min(answered) < rounds_before:
            await asyncio.sleep(0.01)
        start = sum(answered)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await ask(reader, writer)
        newcomers[number] = True
        writer.close()
        return sum(answered) - start

    async def ask_all(port):
        tasks = [task(port, number) for number in range(clients) for task in (stay, come)]
        return max(filter(None, await asyncio.gather(*tasks)), default=0)

    with start(workers=1) as process:
        meanwhile = asyncio.run(ask_all(process.port))
    assert meanwhile <= rounds_meanwhile * clients
