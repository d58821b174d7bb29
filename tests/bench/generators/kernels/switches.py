"""Emulated switches: packet-ins out, answers counted and timed.

Each switch has a row of `state` (the columns are below) and its packet-ins ready made, one after another, all of one
size. A connection is a stream socket; while none can be read or written the loop sleeps in poll(2), so that it takes no
processor from the controller. Not so where latency is measured: there it looks at the sockets for `SPIN` before it
sleeps, since to be woken takes longer than a good controller's answer, and is not the controller's time. `waits` has a
word for each switch, its struct pollfd: the descriptor in the low 32 bits, above it events and revents.
"""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.machine import address_of, nanoseconds
from triplane.tap.kernels.libc import MSG_DONTWAIT, poll, recv, sendto

FD = 0
OFFSET = FD + 1  # of the next byte to send, in the switch's packet-ins
SENT = OFFSET + 1  # latency: when the packet-in went out, ns; 0: none is out
HAVE = SENT + 1  # bytes of the header that is being received, of the first 4
HEADER = HAVE + 1  # they, as a number
SKIP = HEADER + 1  # bytes of the message that are still to come
ANSWERS = SKIP + 1
OTHERS = ANSWERS + 1  # messages that are no answers
ERRORS = OTHERS + 1
CLOSED = ERRORS + 1
COLUMNS = CLOSED + 1

ERROR = 1  # message type
CHUNK = 1 << 16  # bytes sent or received at a time
MSG_NOSIGNAL = 0x4000
POLLIN, POLLOUT = 1, 4  # poll(2)
PATIENCE = 50  # ms
SPIN = 2_000_000  # ns


@kernel
def latency(state, waits, packet_ins, size, scratch, answer, until, samples):
    """One packet-in of each switch is out, always, until that time. How many samples (ns) were taken.

    `packet_ins` has a row of bytes for each switch; `answer` is the message type that answers one.
    """
    taken = 0
    while nanoseconds() < until:
        for i in range(len(state)):
            row = state[i]
            if row[SENT] and waits[i] >> 48 and receive(row, scratch, answer) > 0:
                if taken < len(samples):
                    samples[taken] = nanoseconds() - row[SENT]
                    taken += 1
                row[SENT] = 0
            if row[SENT] == 0:
                row[SENT] = nanoseconds()  # before: the kernel may run the controller before it comes back to us
                send(row, packet_ins[i], size)
        wait(state, waits, POLLIN, SPIN)
    return taken


@kernel
def throughput(state, waits, packet_ins, scratch, answer, until):
    """As many packet-ins as the connections take, until that time."""
    while nanoseconds() < until:
        moved = 0
        for i in range(len(state)):
            moved += max(0, send(state[i], packet_ins[i], CHUNK))
            moved += 1 + receive(state[i], scratch, answer)
        if moved == 0:
            wait(state, waits, POLLIN | POLLOUT, 0)
    return 0


@kernel
def wait(state, waits, events, spin):
    """Until a connection has some of these events; not asleep in the first `spin` ns."""
    for i in range(len(state)):
        waits[i] = state[i, FD] | events << 32
    until = nanoseconds() + spin
    while poll(address_of(waits, 0), len(state), 0) == 0:
        if nanoseconds() >= until:
            poll(address_of(waits, 0), len(state), PATIENCE)
            return


@kernel
def send(row, data, most):
    """Send the next bytes, at most so many and at most to the end of the data."""
    count = min(most, len(data) - row[OFFSET])
    sent = sendto(row[FD], address_of(data, row[OFFSET]), count, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0)
    if sent > 0:
        row[OFFSET] += sent
        if row[OFFSET] == len(data):
            row[OFFSET] = 0
    return sent


@kernel
def receive(row, scratch, answer):
    """Count what has come; how many answers. -1: nothing came."""
    got = recv(row[FD], address_of(scratch, 0), CHUNK, MSG_DONTWAIT)
    if got <= 0:
        if got == 0:
            row[CLOSED] = 1
        return -1
    before = row[ANSWERS]
    at = 0
    while at < got:
        at = advance(row, scratch, at, got, answer)
    return row[ANSWERS] - before


@kernel
def advance(row, scratch, at, end, answer):
    """One step in the stream: over a message's body, or over a byte of its header."""
    if row[SKIP] > 0:
        step = min(row[SKIP], end - at)
        row[SKIP] -= step
        return at + step
    row[HEADER] = row[HEADER] << 8 | int(scratch[at])
    row[HAVE] += 1
    if row[HAVE] == 4:
        finish_header(row, answer)
    return at + 1


@kernel
def finish_header(row, answer):
    """Version, type and length are known."""
    header = row[HEADER]
    row[SKIP], row[HAVE], row[HEADER] = (header & 0xFFFF) - 4, 0, 0
    kind = header >> 16 & 0xFF
    if kind == answer:
        row[ANSWERS] += 1
    elif kind == ERROR:
        row[ERRORS] += 1
    else:
        row[OTHERS] += 1
