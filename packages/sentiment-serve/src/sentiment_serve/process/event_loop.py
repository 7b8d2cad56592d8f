"""The event loop of the API: asyncio's own, which takes some new connections in each of its turns.

uvloop takes one. While the clients that it has keep it busy, newcomers wait a turn each: with 200
of them the last ones for seconds. asyncio takes all that wait, so that one of several workers may
have all clients, and the others none. The API answers as many requests with either.
"""

import asyncio
import socket
from typing import Any, Final

EVENT_LOOP: Final = f"{__name__}:FairEventLoop"
"""As uvicorn calls it."""

_CONNECTIONS_A_TURN: Final = 8


class FairEventLoop(asyncio.SelectorEventLoop):
    """Shares clients among workers, and sends answers at once."""

    async def create_server(
        self, *arguments: Any, backlog: int = 100, **options: Any
    ) -> asyncio.Server:
        """Do what asyncio does, which takes so many connections in a turn as may wait."""
        server = await super().create_server(*arguments, backlog=_CONNECTIONS_A_TURN, **options)
        for listening in server.sockets:
            with listening.dup() as same:
                same.listen(backlog)
            # asyncio does it for sockets that name their protocol; those of workers do not. The
            # body of an answer would wait up to 40 ms for the other side to confirm the head.
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return server
