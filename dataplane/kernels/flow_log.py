"""What happens to flow entries, in order: for flow monitors, which tell of it, and for bundles, which may undo it.

`log` int64[LOG_HEAD + n * LOG_ROW]: a head and rows. While the log
is on, nothing that is unlinked or replaced is given back: whoever reads the log settles each row or undoes it, the last
one first. Only the control thread writes flows and reads this.
"""

from __future__ import annotations

from triplane.dataplane.kernels.arena import arena_give, arena_take
from triplane.dataplane.kernels.classify import (
    COUNTER_WORDS,
    F_CODE,
    F_COUNTERS,
    N_BYTES,
    N_PACKETS,
    S_COUNT,
    Flows,
)
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.flows import (
    C_COOKIE,
    C_EXTRA,
    C_INSTRUCTIONS,
    C_INSTRUCTIONS_LEN,
    C_MODIFIED,
    C_SUBTABLE,
    C_TABLE,
    cold_of,
    flow_forget,
    flow_free,
    flow_link,
    flow_remember,
    flow_unlink,
    subtable_drop,
)
from triplane.dataplane.kernels.machine import store_release
from triplane.dataplane.kernels.pool import Words

LOG_COUNT = 0  # rows, or OFF
LOG_AT = 1  # offset of the flow-mod that is being applied, -1: none
LOG_FULL = 2  # 1: something was not done for want of rows; read the log, or make it larger
LOG_HEAD = 3
OFF = -1

L_KIND = 0
L_FLOW = 1
L_OTHER = 2  # ADDED: the flow it took the place of, or 0; REMOVED: OFPRR_*; CHANGED: block of what it was before
L_AT = 3
LOG_ROW = 4
ADDED, REMOVED, CHANGED = 1, 2, 3

B_CODE = 0  # block of a changed flow
B_EXTRA = 1
B_INSTRUCTIONS = 2
B_INSTRUCTIONS_LEN = 3
B_COOKIE = 4
B_MODIFIED = 5
B_COUNTS = 6  # packets and bytes of each worker


@kernel
def log_room(log: Words) -> int:
    """How many more rows fit; a great many while the log is off."""
    if log[LOG_COUNT] == OFF:
        return 1 << 40
    return (len(log) - LOG_HEAD) // LOG_ROW - log[LOG_COUNT]


@kernel
def log_full(log: Words, rows: int) -> bool:
    """True if fewer rows than that fit; the log then says so."""
    full = log_room(log) < rows
    if full:
        log[LOG_FULL] = 1
    return full


@kernel
def log_note(log: Words, kind: int, flow: int, other: int) -> None:
    """Append a row; the caller knows that there is room, and that the log is on."""
    at = LOG_HEAD + log[LOG_COUNT] * LOG_ROW
    log[at + L_KIND], log[at + L_FLOW], log[at + L_OTHER], log[at + L_AT] = kind, flow, other, log[LOG_AT]
    log[LOG_COUNT] += 1


@kernel
def save_flow(flows: Flows, flow: int) -> int:
    """A block of what a modification will change, or -1 if memory is out."""
    arena = flows.arena
    workers = flows.workers[0]
    block = arena_take(arena, B_COUNTS + 2 * workers)
    if block < 0:
        return -1
    cold = cold_of(flows, flow)
    arena[block + B_CODE], arena[block + B_EXTRA] = arena[flow + F_CODE], arena[cold + C_EXTRA]
    arena[block + B_INSTRUCTIONS], arena[block + B_COOKIE] = arena[cold + C_INSTRUCTIONS], arena[cold + C_COOKIE]
    arena[block + B_INSTRUCTIONS_LEN], arena[block + B_MODIFIED] = (
        arena[cold + C_INSTRUCTIONS_LEN],
        arena[cold + C_MODIFIED],
    )
    for worker in range(workers):
        counters = arena[flow + F_COUNTERS] + worker * COUNTER_WORDS
        arena[block + B_COUNTS + 2 * worker] = arena[counters + N_PACKETS]
        arena[block + B_COUNTS + 2 * worker + 1] = arena[counters + N_BYTES]
    return block


@kernel
def settle(flows: Flows, log: Words) -> None:
    """Give back what the rows kept, and empty the log."""
    for i in range(log[LOG_COUNT]):
        at = LOG_HEAD + i * LOG_ROW
        kind, flow, other = log[at + L_KIND], log[at + L_FLOW], log[at + L_OTHER]
        if kind == REMOVED:
            release_subtable(flows, flow)
            flow_free(flows, flow)
        elif kind == ADDED and other:
            flow_free(flows, other)
        elif kind == CHANGED:
            if flows.arena[other + B_EXTRA]:
                arena_give(flows.arena, flows.arena[other + B_EXTRA])
            arena_give(flows.arena, other)
    log[LOG_COUNT] = 0


@kernel
def undo(flows: Flows, log: Words) -> bool:
    """Take back the rows, the last one first; False if memory is out, and the rest of the rows stay to be undone."""
    while log[LOG_COUNT] > 0:
        at = LOG_HEAD + (log[LOG_COUNT] - 1) * LOG_ROW
        kind, flow, other = log[at + L_KIND], log[at + L_FLOW], log[at + L_OTHER]
        if kind == REMOVED and not put_back(flows, flow):
            return False
        if kind == ADDED:
            if other:
                give_way(flows, flow, other)
            else:
                take_out(flows, flow)
        elif kind == CHANGED:
            change_back(flows, flow, other)
        log[LOG_COUNT] -= 1
    return True


@kernel
def take_out(flows: Flows, flow: int) -> None:
    """Remove an added flow."""
    table = flows.arena[cold_of(flows, flow) + C_TABLE]
    flow_unlink(flows, table, flow)
    flow_forget(flows, table, flow)
    flow_free(flows, flow)


@kernel
def give_way(flows: Flows, flow: int, old: int) -> None:
    """Put the flow that an added one replaced in its place again; that takes no memory, the chain is there."""
    cold = cold_of(flows, flow)
    table = flows.arena[cold + C_TABLE]
    flow_link(flows, table, flows.arena[cold + C_SUBTABLE], old)
    flow_forget(flows, table, flow)
    flow_free(flows, flow)
    flow_remember(flows, table, old)


@kernel
def hold_subtable(flows: Flows, flow: int) -> None:
    """Count one more in the subtable of a flow that is about to go, so that it stays though it may be empty."""
    flows.arena[flows.arena[cold_of(flows, flow) + C_SUBTABLE] + S_COUNT] += 1


@kernel
def release_subtable(flows: Flows, flow: int) -> None:
    """The end of `hold_subtable`: an empty one goes."""
    arena, cold = flows.arena, cold_of(flows, flow)
    subtable = arena[cold + C_SUBTABLE]
    arena[subtable + S_COUNT] -= 1
    if arena[subtable + S_COUNT] == 0:
        subtable_drop(flows, arena[cold + C_TABLE], subtable)


@kernel
def put_back(flows: Flows, flow: int) -> bool:
    """Link a removed flow again."""
    cold = cold_of(flows, flow)
    table = flows.arena[cold + C_TABLE]
    if not flow_link(flows, table, flows.arena[cold + C_SUBTABLE], flow):
        return False
    flow_remember(flows, table, flow)
    release_subtable(flows, flow)
    return True


@kernel
def change_back(flows: Flows, flow: int, block: int) -> None:
    """Give a flow the instructions and counts that it had before a modification."""
    arena = flows.arena
    cold = cold_of(flows, flow)
    store_release(arena, flow + F_CODE, arena[block + B_CODE])
    if arena[cold + C_EXTRA]:
        arena_give(arena, arena[cold + C_EXTRA])
    arena[cold + C_EXTRA], arena[cold + C_INSTRUCTIONS] = arena[block + B_EXTRA], arena[block + B_INSTRUCTIONS]
    arena[cold + C_INSTRUCTIONS_LEN], arena[cold + C_COOKIE] = (
        arena[block + B_INSTRUCTIONS_LEN],
        arena[block + B_COOKIE],
    )
    arena[cold + C_MODIFIED] = arena[block + B_MODIFIED]
    for worker in range(flows.workers[0]):
        counters = arena[flow + F_COUNTERS] + worker * COUNTER_WORDS
        arena[counters + N_PACKETS] = arena[block + B_COUNTS + 2 * worker]
        arena[counters + N_BYTES] = arena[block + B_COUNTS + 2 * worker + 1]
    arena_give(arena, block)
