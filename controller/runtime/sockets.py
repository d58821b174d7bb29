"""`socket`, for threads that a kill or a timeout of the hub is to reach while they wait; their turn is free then.

All but the class `socket` is the standard library's.
"""

from __future__ import annotations

import errno
import os
import select
import socket as _socket
from socket import *  # noqa: F403
from typing import Any

from triplane.controller.runtime.waiting import current


class socket(_socket.socket):  # type: ignore[no-redef] # what the star brought
    """A stream socket; its waits are those of the hub."""

    def _wait(self, events: int) -> None:
        limit = self.gettimeout()
        if limit != 0 and not current().park_on(self.fileno(), events, limit):
            raise TimeoutError("timed out")

    def accept(self) -> tuple[Any, Any]:
        self._wait(select.POLLIN)
        client, address = super().accept()
        return type(self)(client.family, client.type, client.proto, client.detach()), address

    def connect(self, address: Any) -> None:
        limit = self.gettimeout()
        self.setblocking(False)
        try:
            number = self.connect_ex(address)
            if number == errno.EINPROGRESS and limit != 0:
                self.settimeout(limit)
                self._wait(select.POLLOUT)
                number = self.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
        finally:
            self.settimeout(limit)
        if number:
            raise OSError(number, os.strerror(number))

    def recv(self, *arguments: Any) -> bytes:
        self._wait(select.POLLIN)
        return super().recv(*arguments)

    def send(self, *arguments: Any) -> int:
        self._wait(select.POLLOUT)
        return super().send(*arguments)

    def sendall(self, data: Any, flags: int = 0) -> None:
        left = memoryview(data).cast("B")
        while left:
            left = left[self.send(left, flags | _socket.MSG_DONTWAIT) :]
