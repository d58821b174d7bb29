"""Mutation fuzzer of the frame kernels: parse, every action, segmentation, checksums, on frames no one would send.

    NUMBA_BOUNDSCHECK=1 python -m tests.fuzz.fuzz_parse 10000000 [SEED]

The loop itself is a kernel, so that ten million inputs take minutes. A frame ends where the memory does: with
bounds checked, whatever reads or writes past its end raises IndexError. After each step the row must still lie in its
slot and its layout must be what a fresh look finds. Prints how many inputs ran; ends 1 at the first that is wrong,
with the frame it began as.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from tests.fuzz.corpus import seeds
from triplane.dataplane.kernels.bytes import CHECKED, copy, put8, put16
from triplane.dataplane.kernels.checksum import complete
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.fields import KEY_WORDS
from triplane.dataplane.kernels.machine import multiply
from triplane.dataplane.kernels.mix import mix64
from triplane.dataplane.kernels.packet import (
    ADDR,
    CSUM,
    CSUM_OFFSET,
    CSUM_START,
    EXTHDR,
    FRAME_WORDS,
    GSO_SIZE,
    GSO_TYPE,
    L3,
    LENGTH,
    PACKET_WORDS,
)
from triplane.dataplane.kernels.parse import flow_hash, layout, parse
from triplane.dataplane.kernels.pool import SMALL_SIZE, Bytes, Words, frame_base, frame_end, give_one, make_pool
from triplane.dataplane.kernels.rewrite import (
    copy_frame,
    copy_ttl_in,
    copy_ttl_out,
    dec_mpls_ttl,
    dec_nw_ttl,
    pad,
    pop_mpls,
    pop_pbb,
    pop_vlan,
    push_mpls,
    push_pbb,
    push_vlan,
    set_field,
    set_mpls_ttl,
    set_nw_ttl,
)
from triplane.dataplane.kernels.segment import segment, segment_count

GOLDEN = -7046029254386353131
HALF = 0x7FFFFFFFFFFFFFFF
TYPES = np.array([0x0800, 0x86DD, 0x0806, 0x8035, 0x8100, 0x88A8, 0x8847, 0x8848, 0x88E7, 0x05DC, 0], np.int64)
BYTES = np.array([0, 1, 4, 6, 17, 43, 44, 50, 51, 58, 59, 60, 132, 135, 0x45, 0x4F, 0x60, 0x7F, 0x80, 0xFF], np.int64)
SLOTS = 4  # the frame's is the last, and ends the memory
MAX_STEPS = 6
KINDS = 20

FINE, WRONG = 0, 1


@kernel
def random(state: Words) -> int:
    """splitmix64, its state a counter: a number in 0 .. 2**63 - 1."""
    state[0] += 1
    return mix64(multiply(state[0], GOLDEN)) & HALF


@kernel
def below(state: Words, limit: int) -> int:
    return random(state) % limit


@kernel
def deal(mem: Bytes, corpus: Bytes, index: Words, state: Words, row: Words) -> None:
    """A damaged copy of one seed, at the end of the memory."""
    which = below(state, len(index) - 1)
    start = index[which]
    whole = index[which + 1] - start
    length = whole if below(state, 3) else 1 + below(state, whole)
    addr = len(mem) - length
    copy(mem, addr, corpus, start, length)
    for column in range(PACKET_WORDS):
        row[column] = 0
    row[ADDR], row[LENGTH] = addr, length
    for _ in range(below(state, 5)):
        damage(mem, state, addr, length)
    if below(state, 4) == 0:
        row[CSUM], row[CSUM_START], row[CSUM_OFFSET] = 1, below(state, 120), BYTES[below(state, 5)] * 2
    if below(state, 4) == 0:
        row[GSO_TYPE], row[GSO_SIZE] = below(state, 6) | 0x80 * below(state, 2), below(state, 90)


@kernel
def damage(mem: Bytes, state: Words, addr: int, length: int) -> None:
    """Change one or two bytes, more often near the front and to numbers that mean something."""
    if length < 2:
        return
    at = addr + below(state, min(length - 1, 20 + below(state, 100)))
    how = below(state, 3)
    if how == 0:
        put8(mem, at, BYTES[below(state, len(BYTES))])
    elif how == 1:
        put16(mem, at, TYPES[below(state, len(TYPES))])
    else:
        put8(mem, at, random(state))


@kernel
def step(mem: Bytes, pool: Words, row: Words, state: Words, kind: int) -> None:
    """One action; half of them set-field."""
    if kind < 10:
        set_field(mem, row, 3 + below(state, 36), random(state) - below(state, 2) * HALF, random(state))
    elif kind < 13:
        push(mem, pool, row, kind, TYPES[below(state, len(TYPES))])
    elif kind < 16:
        pop(mem, row, kind, TYPES[below(state, len(TYPES))])
    else:
        ttl(mem, row, kind, below(state, 256))


@kernel
def push(mem: Bytes, pool: Words, row: Words, kind: int, ethertype: int) -> None:
    if kind == 10:
        push_vlan(mem, pool, row, ethertype)
    elif kind == 11:
        push_mpls(mem, pool, row, ethertype)
    else:
        push_pbb(mem, pool, row, ethertype)


@kernel
def pop(mem: Bytes, row: Words, kind: int, ethertype: int) -> None:
    if kind == 13:
        pop_vlan(mem, row)
    elif kind == 14:
        pop_mpls(mem, row, ethertype)
    else:
        pop_pbb(mem, row)


@kernel
def ttl(mem: Bytes, row: Words, kind: int, value: int) -> None:
    if kind == 16:
        set_nw_ttl(mem, row, value)
        set_mpls_ttl(mem, row, value)
    elif kind == 17:
        dec_nw_ttl(mem, row)
        dec_mpls_ttl(mem, row)
    elif kind == 18:
        copy_ttl_out(mem, row)
    else:
        copy_ttl_in(mem, row)


@kernel
def sound(mem: Bytes, pool: Words, row: Words, fresh: Words) -> bool:
    """The frame lies in its slot, and its layout is what a fresh look finds, inside the frame."""
    addr, length = row[ADDR], row[LENGTH]
    if addr < frame_base(pool, addr) or length < 0 or addr + length > frame_end(pool, addr):
        return False
    for column in range(PACKET_WORDS):
        fresh[column] = row[column]
    layout(mem, fresh)
    same = True
    for column in range(L3, EXTHDR + 1):
        same &= fresh[column] == row[column]
    return same


@kernel
def finish(mem: Bytes, pool: Words, row: Words, other: Words, out: Words) -> bool:
    """What the way out does to a frame: cut, copy, complete, pad; False when the pool's count is not kept."""
    free = pool[1]
    count = segment(mem, pool, row, out, 0, 3) if segment_count(mem, row) > 0 else 0
    for i in range(count):
        give_one(pool, out[i, ADDR])
    if copy_frame(mem, pool, row, other) == 0:
        give_one(pool, other[ADDR])
    complete(mem, row)
    pad(mem, pool, row)
    return pool[1] == free and row[LENGTH] >= 60


@kernel
def one(
    mem: Bytes, pool: Words, corpus: Bytes, index: Words, state: Words, rows: Words, key: Words, out: Words
) -> bool:
    """Deal one input and put it through everything."""
    row, other = rows[0], rows[1]
    deal(mem, corpus, index, state, row)
    parse(mem, row, key)
    if flow_hash(row, key) < 0:
        return False
    for _ in range(below(state, MAX_STEPS)):
        step(mem, pool, row, state, below(state, KINDS))
        if not sound(mem, pool, row, other):
            return False
    parse(mem, row, key)
    return finish(mem, pool, row, other, out)


@kernel
def campaign(
    mem: Bytes, pool: Words, corpus: Bytes, index: Words, state: Words, rows: Words, key: Words, out: Words, count: int
) -> int:
    """Run `count` inputs; FINE, or WRONG with the state from which the input that went wrong is dealt again."""
    for _ in range(count):
        begin = state[0]
        if not one(mem, pool, corpus, index, state, rows, key, out):
            state[0] = begin
            return WRONG
    return FINE


class Fuzzer:
    """The arrays of a campaign."""

    def __init__(self, seed: int) -> None:
        frames = seeds()
        self.corpus = np.frombuffer(b"".join(frames), np.uint8)
        self.index = np.cumsum([0] + [len(frame) for frame in frames]).astype(np.int64)
        self.pool = make_pool(SLOTS, 0)
        self.pool.pool[1] -= 1  # the last slot is the fuzzer's: it leaves the stack
        self.pool.pool[16 : 16 + SLOTS] = [0, SMALL_SIZE, 2 * SMALL_SIZE, 3 * SMALL_SIZE]
        self.state = np.array([seed], np.int64)
        self.rows = np.zeros((2, PACKET_WORDS), np.int64)
        self.key = np.zeros(KEY_WORDS, np.int64)
        self.out = np.zeros((3, FRAME_WORDS), np.int64)

    def run(self, count: int) -> str:
        """Run `count` inputs; what went wrong, or nothing."""
        mem, pool = self.pool
        verdict, error = FINE, ""
        try:
            verdict = campaign(mem, pool, self.corpus, self.index, self.state, self.rows, self.key, self.out, count)
        except IndexError as caught:
            error = f"out of bounds: {caught}"
        return error if verdict == FINE else f"unsound after state {self.state[0]}: {self.again()}"

    def again(self) -> str:
        """The input dealt from the present state, in hex."""
        deal(self.pool.mem, self.corpus, self.index, self.state, self.rows[0])
        return self.pool.mem[self.rows[0, ADDR] :].tobytes().hex()


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else time.time_ns()
    fuzzer, begin, done = Fuzzer(seed), time.monotonic(), 0
    while done < count:
        part = min(1_000_000, count - done)
        wrong = fuzzer.run(part)
        if wrong:
            print(f"seed {seed}: in inputs {done} to {done + part}: {wrong}")
            return 1
        done += part
        print(f"{done} inputs, {time.monotonic() - begin:.0f} s", file=sys.stderr)
    checked = "bounds checked" if CHECKED else "bounds not checked (set NUMBA_BOUNDSCHECK=1)"
    print(f"{done} inputs from {len(fuzzer.index) - 1} seeds, {checked}, seed {seed}: nothing wrong")
    return 0


if __name__ == "__main__":
    sys.exit(main())
