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
        self, *arguments: Any, sock: socket.socket | None = None, **options: Any
    ) -> asyncio.Server:
        """Listen, as asyncio does."""
        if sock is not None:
            # asyncio does it for sockets that name their protocol; those of workers do not. The
            # body of an answer would wait up to 40 ms for the other side to confirm the head.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return await super().create_server(*arguments, sock=sock, **options)

    def _accept_connection(
        self,
        protocol_factory: Any,
        sock: socket.socket,
        sslcontext: Any = None,
        server: Any = None,
        backlog: int = 100,
        *options: Any,
    ) -> None:
        """Take connections. asyncio would take as many as may wait in the system's queue."""
        super()._accept_connection(  # type: ignore[misc]
            protocol_factory,
            sock,
            sslcontext,
            server,
            min(backlog, _CONNECTIONS_A_TURN),
            *options,
        )
