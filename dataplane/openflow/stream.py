"""From a byte stream to whole messages."""

from __future__ import annotations

from triplane.dataplane.openflow.errors import OpenFlowError

_BAD_LEN = (1, 6)  # OFPET_BAD_REQUEST, OFPBRC_BAD_LEN
HEADER_SIZE = 8


class Framer:
    """Cuts a byte stream into OpenFlow messages. It holds at most one message that is not complete (64 KiB).

    After an error the stream has no message boundaries any more, and the connection is to be closed.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def pending(self) -> int:
        """Bytes that wait for the rest of their message."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that `data` completes. Raises OpenFlowError when a header says less than 8 bytes."""
        buffer = self._buffer
        if not buffer and len(data) >= HEADER_SIZE and (data[2] << 8 | data[3]) == len(data):
            return [data]  # one message, all of it: so it comes when little is going on
        buffer += data
        found = []
        start, end = 0, len(buffer)
        while end - start >= HEADER_SIZE:
            size = buffer[start + 2] << 8 | buffer[start + 3]
            if size < HEADER_SIZE:
                raise OpenFlowError(*_BAD_LEN, data=bytes(buffer[start : start + 64]))
            if size > end - start:
                break
            found.append(bytes(buffer[start : start + size]))
            start += size
        del buffer[:start]
        return found
