"""A network between two servers that tests can slow down and break."""

import socket
import struct
import threading
import time
from contextlib import suppress

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset


class Proxy:
    """Forwards one TCP port to another on loopback; `slow` and `reset` make it a bad network."""

    def __init__(self, target_port):
        self.target_port = target_port
        self.delay = 0.0
        self._resetting = False
        self._connections = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def slow(self, seconds):
        """Let every piece of data wait before it goes on."""
        self.delay = seconds

    def reset(self):
        """Break all connections, and each new one, until `heal`."""
        self._resetting = True
        for connection in list(self._connections):
            self._break(connection)

    def heal(self):
        self.delay = 0.0
        self._resetting = False

    def close(self):
        self.reset()
        self._listener.close()

    def _accept(self):
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._connections.add(client)
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client):
        try:
            if self._resetting:
                raise ConnectionResetError
            server = socket.create_connection(("127.0.0.1", self.target_port), timeout=5)
        except OSError:
            self._break(client)
            return
        server.settimeout(None)
        self._connections.add(server)
        for source, target in ((client, server), (server, client)):
            threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def _pump(self, source, target):
        try:
            while data := source.recv(65536):
                time.sleep(self.delay)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            self._break(source)
            self._break(target)
        else:
            self._connections -= {source}

    def _break(self, connection):
        self._connections.discard(connection)
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            connection.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            connection.close()
