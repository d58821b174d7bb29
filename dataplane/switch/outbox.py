"""What waits to be written to one controller, in bounded memory.

Three kinds share it. *Replies* (and errors) are never dropped: while they exceed `reply_limit` the agent reads
no further requests of this controller. *Events* (flow-removed, port-status) queue with the replies, and are
dropped past `event_limit`. *Packet-ins* queue behind both, and are dropped first.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes that may wait for one controller."""

    reply_limit: int = 1 << 20  # no requests are read above it
    event_limit: int = 4 << 20  # flow-removed and port-status are dropped above it
    packet_in_limit: int = 1 << 20


@dataclass(slots=True)
class Sent:
    """What has been queued for a controller and what was dropped; keys are OFPR_* reasons and OFPT_* types."""

    messages: int = 0
    bytes: int = 0
    packet_ins: Counter[int] = field(default_factory=Counter)
    packet_ins_dropped: Counter[int] = field(default_factory=Counter)
    events_dropped: Counter[int] = field(default_factory=Counter)


class Outbox:
    """Filled by the agent, emptied by the channel."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.sent = Sent()
        self.reply_bytes = 0
        self.packet_in_bytes = 0
        self._replies: deque[bytes] = deque()
        self._packet_ins: deque[bytes] = deque()

    def __bool__(self) -> bool:
        return bool(self._replies or self._packet_ins)

    @property
    def full(self) -> bool:
        """The controller must read before it is heard again."""
        return self.reply_bytes >= self.limits.reply_limit

    def reply(self, message: bytes) -> None:
        self._replies.append(message)
        self.reply_bytes += len(message)

    def event(self, message: bytes) -> None:
        """A flow-removed or port-status."""
        if self.reply_bytes >= self.limits.event_limit:
            self.sent.events_dropped[message[1]] += 1
        else:
            self.reply(message)

    def packet_in(self, reason: int, message: bytes) -> None:
        if self.packet_in_bytes + len(message) > self.limits.packet_in_limit:
            self.sent.packet_ins_dropped[reason] += 1
            return
        self.sent.packet_ins[reason] += 1
        self._packet_ins.append(message)
        self.packet_in_bytes += len(message)

    def room(self, length: int) -> bool:
        """Whether a packet-in of `length` bytes would be taken."""
        return self.packet_in_bytes + length <= self.limits.packet_in_limit

    def take(self, limit: int) -> bytes:
        """The next bytes to write: whole messages, `limit` bytes or up to one message more. Empty: nothing waits."""
        taken: list[bytes] = []
        size = 0
        while size < limit and self:
            taken.append(self._pop())
            size += len(taken[-1])
        self.sent.messages += len(taken)
        self.sent.bytes += size
        return b"".join(taken)

    def _pop(self) -> bytes:
        if self._replies:
            message = self._replies.popleft()
            self.reply_bytes -= len(message)
        else:
            message = self._packet_ins.popleft()
            self.packet_in_bytes -= len(message)
        return message
