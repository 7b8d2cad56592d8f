"""A network between two servers that tests can slow down and break."""

import asyncio
import threading
from contextlib import suppress


class Proxy:
    """Forwards one TCP port to another on loopback; `slow` and `reset` make it a bad network."""

    def __init__(self, target_port):
        self._target_port = target_port
        self._delay = 0.0
        self._resetting = False
        self._writers = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._connect, "127.0.0.1", 0, backlog=512))
        self.port = self._server.sockets[0].getsockname()[1]

    def slow(self, seconds):
        """Let every piece of data wait before it goes on."""
        self._delay = seconds

    def reset(self):
        """Break all connections, and each new one, until `heal`."""
        self._resetting = True
        self._run(self._break_all())

    def heal(self):
        self._delay = 0.0
        self._resetting = False

    def close(self):
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _close(self):
        self._server.close()
        self._resetting = True
        await self._break_all()
        if tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(tasks, timeout=10)  # they end with their connections

    async def _break_all(self):
        for writer in self._writers:
            writer.transport.abort()

    async def _connect(self, reader, writer):
        self._writers.add(writer)
        try:
            if self._resetting:
                return
            there = await asyncio.open_connection("127.0.0.1", self._target_port)
            self._writers.add(there[1])
            try:
                await asyncio.gather(self._pump(reader, there[1]), self._pump(there[0], writer))
            finally:
                there[1].transport.abort()
                self._writers.discard(there[1])
        except OSError:
            pass
        finally:
            writer.transport.abort()
            self._writers.discard(writer)

    async def _pump(self, reader, writer):
        while data := await reader.read(65536):
            await asyncio.sleep(self._delay)
            writer.write(data)
            await writer.drain()
        with suppress(OSError):
            writer.write_eof()
