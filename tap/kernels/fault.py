"""Receive and transmit of a `fault` port: drops, corrupts, duplicates, delays and reorders what passes, from a seed.

Each direction has a *line*: frames on their way, in order of the time they are due. A frame that is reordered is due
GAP later than it would be, so those behind it pass. What each frame meets depends on the seed and on its number
alone, never on time: five draws for every frame, used or not.

Who writes: the receive line the worker of the queue; the transmit line whoever holds P_LOCK. A timer of each line wakes
the worker when its first frame is due; that worker sends what is due of the transmit line too.
"""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import entry, kernel
from triplane.dataplane.kernels.machine import load64, multiply, nanoseconds, view_bytes, view_rows, view_words
from triplane.dataplane.kernels.mix import mix64
from triplane.dataplane.kernels.packet import ADDR, BURST, FRAME_WORDS, LENGTH, PACKET_WORDS
from triplane.dataplane.kernels.pool import (
    POOL_MEM,
    POOL_MEM_SIZE,
    POOL_WORDS,
    Bytes,
    Words,
    give_one,
    lock,
    take_one,
    unlock,
)
from triplane.dataplane.kernels.port import P_LOCK, PORT_WORDS
from triplane.tap.kernels.libc import memcpy, timerfd_settime
from triplane.tap.kernels.wrap import W_PRIVATE, inner_receive, inner_transmit

W_RECEIVE_LINE = W_PRIVATE  # address of int64[LINE_WORDS]
W_TRANSMIT_LINE = W_RECEIVE_LINE + 1
W_BATCH = W_TRANSMIT_LINE + 1  # address of int64[BURST, FRAME_WORDS]: frames that leave the transmit line

L_RANDOM = 0  # numbers drawn, plus the seed's share
L_COUNT = 1  # frames in the line
L_TIMER = 2  # timerfd
L_ARMED = 3  # when it is set to fire, 0: not at all
L_DELAY = 4  # ns
L_GAP = 5  # ns, what a reordered frame is late
L_DROP = 6  # these four: chance of each, in 2**-32
L_CORRUPT = 7
L_DUPLICATE = 8
L_REORDER = 9
L_SPEC = 12  # struct itimerspec
L_DROPPED = 16  # what was done so far, in frames
L_CORRUPTED = 17
L_DUPLICATED = 18
L_REORDERED = 19
L_DELAYED = 20
L_OVERFLOWN = 21  # dropped because the line was full
L_FRAMES = 24  # LINE_FRAMES times: due time, frame columns
LINE_FRAMES = 4096
ENTRY_WORDS = 1 + FRAME_WORDS
LINE_WORDS = L_FRAMES + LINE_FRAMES * ENTRY_WORDS

GOLDEN = 0x9E3779B97F4A7C15 - (1 << 64)  # of splitmix64 (Steele, Lea, Flood 2014), as a signed number
TIMER_ABSOLUTE = 1
SECOND = 1000000000


@kernel
def draw(line: Words) -> int:
    """The next random number, 0 to 2**32 - 1."""
    line[L_RANDOM] += 1
    return mix64(multiply(line[L_RANDOM], GOLDEN)) & 0xFFFFFFFF


@kernel
def put(line: Words, frame: Words, due: int) -> bool:
    """Add a frame to the line behind all that are due no later; False when it is full."""
    count = line[L_COUNT]
    if count == LINE_FRAMES:
        line[L_OVERFLOWN] += 1
        return False
    at = L_FRAMES + count * ENTRY_WORDS
    while at > L_FRAMES and line[at - ENTRY_WORDS] > due:
        for i in range(ENTRY_WORDS):
            line[at + i] = line[at - ENTRY_WORDS + i]
        at -= ENTRY_WORDS
    line[at] = due
    for i in range(FRAME_WORDS):
        line[at + 1 + i] = frame[i]
    line[L_COUNT] = count + 1
    return True


@kernel
def flip(line: Words, mem: Bytes, frame: Words, bit: int) -> None:
    """Invert one bit of the frame."""
    bit %= frame[LENGTH] * 8
    mem[frame[ADDR] + bit // 8] ^= 1 << (bit & 7)
    line[L_CORRUPTED] += 1


@kernel
def duplicate(line: Words, pool: Words, frame: Words, due: int) -> None:
    """A second frame like this one behind it."""
    addr, original = take_one(pool, frame[LENGTH]), frame[ADDR]
    if addr < 0:
        return
    memcpy(pool[POOL_MEM] + addr, pool[POOL_MEM] + original, frame[LENGTH])
    frame[ADDR] = addr
    if put(line, frame, due):
        line[L_DUPLICATED] += 1
    else:
        give_one(pool, addr)
    frame[ADDR] = original


@kernel
def admit(line: Words, pool: Words, mem: Bytes, frame: Words, now: int) -> None:
    """Decide what one frame meets, and put it into the line or back into the pool."""
    lost, broken, bit, twice, late = draw(line), draw(line), draw(line), draw(line), draw(line)
    if lost < line[L_DROP]:
        line[L_DROPPED] += 1
        give_one(pool, frame[ADDR])
        return
    if broken < line[L_CORRUPT]:
        flip(line, mem, frame, bit)
    due = now + line[L_DELAY]
    line[L_DELAYED] += line[L_DELAY] > 0
    if late < line[L_REORDER]:
        line[L_REORDERED] += 1
        due += line[L_GAP]
    if not put(line, frame, due):
        give_one(pool, frame[ADDR])
    elif twice < line[L_DUPLICATE]:
        duplicate(line, pool, frame, due)


@kernel
def release(line: Words, batch: Words, limit: int, now: int) -> int:
    """Move frames that are due from the head of the line into the batch; returns how many."""
    count = 0
    while count < min(limit, line[L_COUNT]) and line[L_FRAMES + count * ENTRY_WORDS] <= now:
        for i in range(FRAME_WORDS):
            batch[count, i] = line[L_FRAMES + count * ENTRY_WORDS + 1 + i]
        count += 1
    if count > 0:
        line[L_COUNT] -= count
        for i in range(L_FRAMES, L_FRAMES + line[L_COUNT] * ENTRY_WORDS):
            line[i] = line[i + count * ENTRY_WORDS]
    return count


@kernel
def arm(line: Words, address: int) -> None:
    """Set the timer to when the first frame is due, if it is not; an empty line has it off."""
    due = line[L_FRAMES] if line[L_COUNT] > 0 else 0
    if due != line[L_ARMED]:
        line[L_ARMED] = due
        line[L_SPEC + 2], line[L_SPEC + 3] = due // SECOND, due % SECOND
        timerfd_settime(line[L_TIMER], TIMER_ABSOLUTE, address + 8 * L_SPEC, 0)


@kernel
def send_due(row: Words, pool: int, line: Words, now: int) -> int:
    """Transmit what is due, under P_LOCK."""
    batch = view_rows(row[W_BATCH], BURST, FRAME_WORDS)
    sent, count = 0, release(line, batch, BURST, now)
    while count > 0:
        sent += inner_transmit(row, pool, row[W_BATCH], count)
        count = release(line, batch, BURST, now)
    arm(line, row[W_TRANSMIT_LINE])
    return sent


@kernel
def send_late(row: Words, pool: int, now: int) -> None:
    """The worker's part of the transmit line: what came due since the last transmit."""
    line = view_words(row[W_TRANSMIT_LINE], LINE_WORDS)
    if line[L_COUNT] > 0 and line[L_FRAMES] <= now:
        lock(row, P_LOCK)
        send_due(row, pool, line, now)
        unlock(row, P_LOCK)


@entry
def receive(row: int, pool: int, batch: int, limit: int) -> int:
    port, words = view_words(row, PORT_WORDS), view_words(pool, load64(pool + 8 * POOL_WORDS))
    mem = view_bytes(words[POOL_MEM], words[POOL_MEM_SIZE])
    line, packets = view_words(port[W_RECEIVE_LINE], LINE_WORDS), view_rows(batch, limit, PACKET_WORDS)
    count = inner_receive(port, pool, batch, limit)
    now = nanoseconds()
    for i in range(count):
        admit(line, words, mem, packets[i], now)
    send_late(port, pool, now)
    count = release(line, packets, limit, now)
    arm(line, port[W_RECEIVE_LINE])
    return count


@entry
def transmit(row: int, pool: int, batch: int, count: int) -> int:
    port, words = view_words(row, PORT_WORDS), view_words(pool, load64(pool + 8 * POOL_WORDS))
    mem = view_bytes(words[POOL_MEM], words[POOL_MEM_SIZE])
    line, frames = view_words(port[W_TRANSMIT_LINE], LINE_WORDS), view_rows(batch, count, FRAME_WORDS)
    now = nanoseconds()
    for i in range(count):
        admit(line, words, mem, frames[i], now)
    return send_due(port, pool, line, now)
