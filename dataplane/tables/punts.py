"""The control thread's end of the punt rings: what is told to the controller as packet-ins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

import numpy as np

from triplane.dataplane.kernels.pause import M_HEAD
from triplane.dataplane.kernels.publish import observe, publish
from triplane.dataplane.kernels.punts import (
    CLASS_NAMES,
    CONTROL_WORDS,
    CONTROLLER_SHIFT,
    MORE,
    PUNT_FULL,
    PUNT_LEARN,
    PUNT_RATE,
    R_COOKIE,
    R_IN_PORT,
    R_LENGTH,
    R_MARK,
    R_MAX_LEN,
    R_METADATA,
    R_PHY_PORT,
    R_REASON,
    R_REGS,
    R_SIZE,
    R_TABLE,
    R_TUNNEL_ID,
    RC_BYTES,
    RC_DROPS,
    RC_HEAD,
    RC_PACKETS,
    RC_TAIL,
    RECORD_WORDS,
    RING_CONTROL,
    RING_DATA,
    make_ring,
    make_shared,
    punt_arm,
    punt_police,
)
from triplane.dataplane.switch.datapath import PacketIn

RING_WORDS = 1 << 17  # 1 MiB for each worker and class: some 5000 small frames, some 600 long ones
MAX_DATA = 65535 - 128  # bytes of a frame that a packet-in can carry: its length has 16 bits
MIN_DATA = 60  # no Ethernet frame is shorter, its check sequence aside (IEEE 802.3 section 4.2.3.3)
LEARN_QUANTUM = 1024  # flows learnt by one worker before packets have their turn
QUANTUM = 16  # records taken from one ring before the next has its turn
U64 = (1 << 64) - 1

_OXM32, _OXM64 = Struct("!II"), Struct("!IQ")
_MATCH = Struct("!HH")
OXM_IN_PORT = 0x8000_0004
OXM_IN_PHY_PORT = 0x8000_0204
OXM_METADATA = 0x8000_0408
OXM_TUNNEL_ID = 0x8000_4C08
NXM_NX_REG0 = 0x0001_0004
NXM_NX_PKT_MARK = 0x0001_4204


class PuntRate(NamedTuple):
    """Packets/s of a class that go up, and how many at once; rate 0: no limit but the rings."""

    rate: int
    burst: int


DEFAULT_RATES = {
    "miss": PuntRate(100_000, 20_000),
    "action": PuntRate(100_000, 20_000),
    "invalid_ttl": PuntRate(1_000, 1_000),
    "other": PuntRate(10_000, 2_000),
    "learn": PuntRate(20_000, 5_000),
}


class PuntCounters(NamedTuple):
    """Of one class, all workers together."""

    packets: int  # handed over
    octets: int
    over_rate: int  # refused: over the rate of the class
    ring_full: int  # refused: the control thread was behind


class Learnt(NamedTuple):
    """A flow that a packet asked for by Nicira's learn action."""

    flow_mod: bytes  # OFPT_FLOW_MOD of OpenFlow 1.3
    mark: int  # its digest, for FlowTables.learn
    limit: int  # most flows of its cookie in its table, 0: any number


class PuntRings:
    """`rings[i]` is worker i's array. Single-threaded: called from the control thread only."""

    def __init__(self, workers: int, ring_words: int = RING_WORDS) -> None:
        self.shared = make_shared()
        self.rings = [make_ring(self.shared, ring_words) for _ in range(workers)]
        self._octets = [ring.view(np.uint8) for ring in self.rings]
        self._size = ring_words
        self._first = 0
        self.learnt: list[Learnt] = []  # read along with the packets; the reader takes them
        self.police(DEFAULT_RATES, 0)

    def police(self, rates: Mapping[str, PuntRate], now: int) -> None:
        """Set the rates of some classes (CLASS_NAMES); KeyError for a class that is not there."""
        for name, (rate, burst) in rates.items():
            if name not in CLASS_NAMES:
                raise KeyError(f"punt class {name!r} is none of {', '.join(CLASS_NAMES)}")
            punt_police(self.shared, CLASS_NAMES.index(name), rate, burst, now)

    def read(self, limit: int) -> list[PacketIn]:
        """At most `limit` packets, every ring in turn. With fewer than `limit`, all rings were empty and are armed.

        So the driver sleeps on its event after a short answer, and calls again after a full one.
        """
        found: list[PacketIn] = []
        while len(found) < limit:
            before = len(found) + len(self.learnt)
            self._read_learnt()
            for worker, cls in self._order():
                found += self._take(worker, cls, min(QUANTUM, limit - len(found)))
            if len(found) + len(self.learnt) == before and not self._arm():
                break
        return found

    def _read_learnt(self) -> None:
        for worker, ring in enumerate(self.rings):
            for at in self._records(worker, PUNT_LEARN, LEARN_QUANTUM):
                start, length = (at + RECORD_WORDS) * 8, int(ring[at + R_LENGTH])
                flow_mod = self._octets[worker][start : start + length].tobytes()
                self.learnt.append(Learnt(flow_mod, int(ring[at + R_COOKIE]), int(ring[at + R_MAX_LEN])))

    def _arm(self) -> bool:
        """Arm every ring, up to the first that has something: then the caller reads on and arms again."""
        return any(punt_arm(ring) for ring in self.rings)

    def _order(self) -> list[tuple[int, int]]:
        """Every ring once, beginning with another one each time."""
        pairs = [(worker, cls) for cls in range(PUNT_LEARN) for worker in range(len(self.rings))]
        self._first = (self._first + 1) % len(pairs)
        return pairs[self._first :] + pairs[: self._first]

    def _take(self, worker: int, cls: int, limit: int) -> Iterator[PacketIn]:
        """Up to `limit` packets of one ring."""
        for at in self._records(worker, cls, limit):
            yield self._packet(worker, at)

    def _records(self, worker: int, cls: int, limit: int) -> Iterator[int]:
        """Offsets of up to `limit` records of one ring; their place is free once the last was taken."""
        ring, control = self.rings[worker], RING_CONTROL + cls * CONTROL_WORDS
        head, tail = int(observe(ring, control + RC_HEAD)), int(ring[control + RC_TAIL])
        while tail < head and limit > 0:
            at = RING_DATA + cls * self._size + tail % self._size
            words = int(ring[at + R_SIZE])
            if words == 0:
                tail += self._size - tail % self._size
                continue
            yield at
            tail += words
            limit -= 1
        publish(ring, control + RC_TAIL, tail)

    def _packet(self, worker: int, at: int) -> PacketIn:
        record = self.rings[worker][at : at + RECORD_WORDS].tolist()
        start = (at + RECORD_WORDS) * 8
        data = self._octets[worker][start : start + min(record[R_LENGTH], MAX_DATA)].tobytes().ljust(MIN_DATA, b"\0")
        registers = tuple(word & U64 for word in record[R_MARK:]) if record[R_REGS] & 1 else ()
        cookie, in_port = record[R_COOKIE] & U64, record[R_IN_PORT]
        metadata, tunnel = record[R_METADATA] & U64, record[R_TUNNEL_ID] & U64
        match = packet_match(in_port, record[R_PHY_PORT], metadata, tunnel, registers)
        reason, controller = record[R_REASON] & 0xFF, record[R_REASON] >> CONTROLLER_SHIFT
        more = self._more(worker, at + RECORD_WORDS + (record[R_LENGTH] + 7 >> 3)) if record[R_REGS] & MORE else ()
        return PacketIn(reason, record[R_TABLE], cookie, in_port, record[R_MAX_LEN], match, data, controller, *more)

    def _more(self, worker: int, at: int) -> tuple[bytes, bytes]:
        """Userdata and state behind a record's frame (`pause`)."""
        octets, words = (int(word) for word in self.rings[worker][at : at + M_HEAD])
        start = (at + M_HEAD) * 8
        state = start + (octets + 7 & ~7)
        rest = self._octets[worker]
        return rest[start : start + octets].tobytes(), rest[state : state + 8 * words].tobytes()

    def counters(self) -> dict[str, PuntCounters]:
        """By name of the class."""
        return {name: self._class_counters(cls) for cls, name in enumerate(CLASS_NAMES)}

    def _class_counters(self, cls: int) -> PuntCounters:
        columns = (RC_PACKETS, RC_BYTES, RC_DROPS + PUNT_RATE, RC_DROPS + PUNT_FULL)
        control = RING_CONTROL + cls * CONTROL_WORDS
        return PuntCounters(*(self._sum(control + column) for column in columns))

    def _sum(self, at: int) -> int:
        return sum(int(ring[at]) for ring in self.rings)


@lru_cache(maxsize=1024)
def packet_match(in_port: int, phy_port: int, metadata: int, tunnel_id: int, registers: tuple[int, ...] = ()) -> bytes:
    """An ofp_match of the pipeline fields of a packet-in (OpenFlow 1.3.5 section 7.4.1), padded to 8 bytes.

    in_phy_port is left out when it is in_port, the others when they are 0. `registers`: the words MARK and REG of
    `packet`, if the packet uses any; told as Nicira's fields, as Open vSwitch does.
    """
    oxm = _OXM32.pack(OXM_IN_PORT, in_port)
    if phy_port not in (0, in_port):
        oxm += _OXM32.pack(OXM_IN_PHY_PORT, phy_port)
    if metadata:
        oxm += _OXM64.pack(OXM_METADATA, metadata)
    if tunnel_id:
        oxm += _OXM64.pack(OXM_TUNNEL_ID, tunnel_id)
    if registers:
        oxm += register_fields(registers)
    length = _MATCH.size + len(oxm)
    return _MATCH.pack(1, length) + oxm + bytes(-length % 8)


def register_fields(words: tuple[int, ...]) -> bytes:
    """NXM_NX_REG* and NXM_NX_PKT_MARK of those that are not 0."""
    mark, *pairs = words
    values = [half for pair in pairs for half in (pair >> 32, pair & 0xFFFFFFFF)]
    fields = [(NXM_NX_REG0 | number << 9, value) for number, value in enumerate(values)]
    return b"".join(_OXM32.pack(*field) for field in (*fields, (NXM_NX_PKT_MARK, mark >> 32)) if field[1])
