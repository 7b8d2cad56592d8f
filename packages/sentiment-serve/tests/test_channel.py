"""How workers tell each other; tests/serving does it with real ones."""

import asyncio

import pytest

from sentiment_serve.process.channel import WorkerChannel

pytestmark = pytest.mark.anyio


async def eventually(condition):
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen")


async def test_all_others_are_told_and_the_dead_are_forgotten(tmp_path):
    heard = [[], [], []]
    channels = [WorkerChannel(tmp_path) for _ in heard]
    for channel, messages in zip(channels, heard, strict=True):
        channel.open(messages.append)
    channels[0].tell_others(b"look")
    await eventually(lambda: heard == [[], [b"look"], [b"look"]])
    # As a worker that was killed leaves it.
    channels[1]._socket.close()
    asyncio.get_running_loop().remove_reader(channels[1]._socket)
    channels[0].tell_others(b"again")
    await eventually(lambda: heard == [[], [b"look"], [b"look", b"again"]])
    assert len(list(tmp_path.iterdir())) == 2
    channels[0].close()
    channels[2].close()
    assert list(tmp_path.iterdir()) == []


async def test_a_worker_that_stands_still_keeps_nobody_waiting(tmp_path, caplog):
    awake, asleep = WorkerChannel(tmp_path), WorkerChannel(tmp_path)
    heard = []
    awake.open(lambda _: None)
    asleep.open(heard.append)
    asyncio.get_running_loop().remove_reader(asleep._socket)
    for _ in range(1000):
        awake.tell_others(b"look")
    asyncio.get_running_loop().add_reader(
        asleep._socket, asleep._read, asleep._socket, heard.append
    )
    await eventually(lambda: heard == [b"look"])
    assert caplog.records == []
    awake.close()
    asleep.close()


async def test_without_a_folder_nothing_is_told(tmp_path, caplog):
    for folder in (None, tmp_path / "missing", tmp_path / ("x" * 200)):
        channel = WorkerChannel(folder)
        channel.open(lambda _: None)
        channel.tell_others(b"look")
        channel.close()
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
