"""What updates of flow monitors have in common in all versions: their length stands before their event."""

from __future__ import annotations

from typing import Any

from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.wire import Choice


class UpdateChoice(Choice):
    """The classes of updates by event."""

    def _one(self, buf: bytes, pos: int, end: int) -> tuple[int, Any]:
        if end - pos < 4:
            raise OpenFlowError(*self.bad_len)
        size, kind = int.from_bytes(buf[pos : pos + 2], "big"), int.from_bytes(buf[pos + 2 : pos + 4], "big")
        if size < 4 or size > end - pos or size % self.align:
            raise OpenFlowError(*self.bad_len)
        cls = self.classes.get(kind)
        if cls is None:
            raise OpenFlowError(*self.unknown)
        return pos + size, cls
