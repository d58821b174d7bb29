"""One flow entry's block in the arena: laid out, filled, given other instructions.

[hot: F_*][masked key words][counters of each worker][cold: C_*][program][wire bytes of match and instructions]
"""

from __future__ import annotations

from triplane.dataplane.kernels.arena import arena_give, arena_take
from triplane.dataplane.kernels.classify import (
    COUNTER_WORDS,
    F_CODE,
    F_COUNTERS,
    F_KEY,
    F_PRIORITY,
    N_USED,
    Flows,
)
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.fields import KEY_WORDS
from triplane.dataplane.kernels.flows import (
    C_EXTRA,
    C_INSTRUCTIONS,
    C_INSTRUCTIONS_LEN,
    C_MATCH,
    C_MATCH_LEN,
    C_STAGED,
    COLD_WORDS,
    cold_of,
)
from triplane.dataplane.kernels.machine import store_release, wrap
from triplane.dataplane.kernels.pool import Bytes, Words


@kernel
def mask_words(mask: Words) -> int:
    """How many key words the mask constrains."""
    count = 0
    for i in range(KEY_WORDS):
        if mask[i] != 0:
            count += 1
    return count


@kernel
def words_for(count: int) -> int:
    """Words that hold `count` bytes."""
    return (count + 7) >> 3


@kernel
def copy_bytes(arena: Words, to: int, wire: Bytes, at: int, count: int) -> None:
    """Pack wire[at : at + count] into words from arena[to], first byte in the low end."""
    whole = count >> 3
    for i in range(whole):
        word = 0
        for k in range(8):
            word |= int(wire[at + 8 * i + k]) << 8 * k
        arena[to + i] = wrap(word)
    word = 0
    for k in range(count & 7):
        word |= int(wire[at + 8 * whole + k]) << 8 * k
    if count & 7:
        arena[to + whole] = word


@kernel
def flow_make(
    flows: Flows, key: Words, mask: Words, priority: int, code: Words, code_len: int, wire: Bytes, match: int,
    match_len: int, instructions: int, instructions_len: int, now: int,
) -> int:  # fmt: skip
    """A filled block that is not linked yet, or 0 if memory is out. Cookie, flags and timeouts are the caller's."""
    arena = flows.arena
    counters = F_KEY + mask_words(mask)
    program = counters + flows.workers[0] * COUNTER_WORDS + COLD_WORDS
    wire_at = program + code_len
    flow = arena_take(arena, wire_at + words_for(match_len) + words_for(instructions_len))
    if flow < 0:
        return 0
    for i in range(program):
        arena[flow + i] = 0
    arena[flow + F_PRIORITY], arena[flow + F_CODE] = priority, flow + program
    arena[flow + F_COUNTERS] = flow + counters
    fill_key(arena, flow, key, mask)
    touch(flows, flow, now)
    for i in range(code_len):
        arena[flow + program + i] = code[i]
    cold = cold_of(flows, flow)
    copy_bytes(arena, flow + wire_at, wire, match, match_len)
    arena[cold + C_MATCH], arena[cold + C_MATCH_LEN] = (flow + wire_at) << 3, match_len
    wire_at += words_for(match_len)
    copy_bytes(arena, flow + wire_at, wire, instructions, instructions_len)
    arena[cold + C_INSTRUCTIONS], arena[cold + C_INSTRUCTIONS_LEN] = (flow + wire_at) << 3, instructions_len
    return flow


@kernel
def fill_key(arena: Words, flow: int, key: Words, mask: Words) -> None:
    at = flow + F_KEY
    for i in range(KEY_WORDS):
        if mask[i] != 0:
            arena[at] = key[i] & mask[i]
            at += 1


@kernel
def touch(flows: Flows, flow: int, now: int) -> None:
    """Start the idle clock."""
    for worker in range(flows.workers[0]):
        flows.arena[flows.arena[flow + F_COUNTERS] + worker * COUNTER_WORDS + N_USED] = now


@kernel
def last_used(flows: Flows, flow: int) -> int:
    """ns of the flow's last packet, or of its creation."""
    latest = 0
    for worker in range(flows.workers[0]):
        latest = max(latest, flows.arena[flows.arena[flow + F_COUNTERS] + worker * COUNTER_WORDS + N_USED])
    return latest


@kernel
def flow_stage(
    flows: Flows, flow: int, code: Words, code_len: int, wire: Bytes, instructions: int, instructions_len: int
) -> bool:
    """Prepare other instructions for a linked flow. False if memory is out."""
    arena = flows.arena
    block = arena_take(arena, code_len + words_for(instructions_len))
    if block < 0:
        return False
    for i in range(code_len):
        arena[block + i] = code[i]
    copy_bytes(arena, block + code_len, wire, instructions, instructions_len)
    arena[cold_of(flows, flow) + C_STAGED] = block
    return True


@kernel
def flow_unstage(flows: Flows, flow: int) -> None:
    """Give up what was prepared, if anything was."""
    cold = cold_of(flows, flow)
    if flows.arena[cold + C_STAGED]:
        arena_give(flows.arena, flows.arena[cold + C_STAGED])
        flows.arena[cold + C_STAGED] = 0


@kernel
def flow_instruct(flows: Flows, flow: int, code_len: int, instructions_len: int, keep: bool) -> None:
    """Replace a linked flow's instructions by those prepared; readers see the old program or the new.

    `keep`: the block of the old ones is not given back.
    """
    arena = flows.arena
    cold = cold_of(flows, flow)
    block = arena[cold + C_STAGED]
    store_release(arena, flow + F_CODE, block)
    if arena[cold + C_EXTRA] and not keep:
        arena_give(arena, arena[cold + C_EXTRA])
    arena[cold + C_EXTRA], arena[cold + C_STAGED] = block, 0
    arena[cold + C_INSTRUCTIONS], arena[cold + C_INSTRUCTIONS_LEN] = (block + code_len) << 3, instructions_len
