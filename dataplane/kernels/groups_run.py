"""What is left on a worker's stack, done: packets in groups, bucket by bucket, and packets for the flow tables."""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.emit import drop
from triplane.dataplane.kernels.execute import NEXT_DROPPED, execute, finish, leave, run_action_set
from triplane.dataplane.kernels.groups import (
    GROUP_ALL,
    Groups,
    bucket_count,
    bucket_program,
    choose_bucket,
    count_bucket,
    count_group,
    group_block,
    group_kind,
)
from triplane.dataplane.kernels.kept import restore
from triplane.dataplane.kernels.machine import address_of, view_bytes, view_words
from triplane.dataplane.kernels.node import (
    DROP_GROUP,
    DROP_NO_FRAME,
    N_ARENA,
    N_ARENA_WORDS,
    N_EGRESS,
    N_GROUPS,
    N_LIVE,
    N_MEM,
    N_MEM_BYTES,
    N_POOL,
    N_POOL_WORDS,
    W_ACTIONS,
    W_CHILD,
    W_DEPTH,
    W_DROPS,
    W_FLOW,
    W_ID,
    W_STALE,
)
from triplane.dataplane.kernels.outputs import (
    GROUP_BARE,
    GROUP_CLONE,
    GROUP_EGRESS,
    GROUP_TABLE,
    PENDING_NONE,
    stack_at,
)
from triplane.dataplane.kernels.packet import (
    BLOCK,
    BUCKET,
    FLOW,
    GROUP,
    HASH,
    LENGTH,
    MAX_PORTS,
    PACKET_WORDS,
    PENDING,
    REASON,
    REGS,
)
from triplane.dataplane.kernels.pipeline import prepare, walk
from triplane.dataplane.kernels.pool import Words
from triplane.dataplane.kernels.punts import OFPR_ACTION, OFPR_GROUP
from triplane.dataplane.kernels.registers import EGRESS
from triplane.dataplane.kernels.rewrite import copy_frame

CHOOSE = 0  # in BLOCK: the group has not been looked at yet


@kernel
def drain(node: Words, w: Words) -> None:
    """Until the stack is empty."""
    while w[W_DEPTH] > 0:
        top = view_words(stack_at(w, w[W_DEPTH] - 1), PACKET_WORDS)
        if top[GROUP] == GROUP_TABLE:
            child = view_words(pop(w, top), PACKET_WORDS)
            child[REASON] = OFPR_ACTION
            if prepare(node, w, child):
                walk_on(node, w, child, 0)
        elif top[GROUP] == GROUP_EGRESS:
            child = view_words(pop(w, top), PACKET_WORDS)
            child[REASON] = OFPR_ACTION
            take_up(w, child)
            walk_on(node, w, child, node[N_EGRESS])
        elif top[GROUP] == GROUP_CLONE:
            child = view_words(pop(w, top), PACKET_WORDS)
            if run(node, w, child, child[BUCKET]):
                end(node, w, child)
        elif top[GROUP] == GROUP_BARE:
            child = view_words(pop(w, top), PACKET_WORDS)
            run_bucket(node, w, child, child[BUCKET])
        else:
            step(node, w, top)


@kernel
def take_up(w: Words, child: Words) -> None:
    """Go on with a packet that lay on the stack."""
    child[PENDING] = PENDING_NONE
    w[W_STALE] = 1  # the key may be another packet's
    w[W_FLOW] = child[FLOW]  # and so the flow


@kernel
def walk_on(node: Words, w: Words, child: Words, table: int) -> None:
    """The flow tables, from one that is not always the first, and what follows them."""
    if walk(node, w, child, table):
        end(node, w, child)


@kernel
def end(node: Words, w: Words, child: Words) -> None:
    """The action set, and the end of the packet's life."""
    if child[REGS] & EGRESS:
        leave(node, w, child)
    elif w[W_ACTIONS]:
        run_action_set(node, w, child)
    else:
        finish(node, w, child)


@kernel
def pop(w: Words, top: Words) -> int:
    """Take the top of the stack into the child row; its address."""
    address = address_of(w, W_CHILD)
    child = view_words(address, PACKET_WORDS)
    for i in range(PACKET_WORDS):
        child[i] = top[i]
    w[W_DEPTH] -= 1
    restore(w, child, w[W_DEPTH])
    return address


@kernel
def step(node: Words, w: Words, top: Words) -> None:
    """One bucket of the group that the top of the stack is in."""
    arena = view_words(node[N_ARENA], node[N_ARENA_WORDS])
    if top[BLOCK] == CHOOSE and not enter(node, w, arena, top):
        drop(node, w, view_words(pop(w, top), PACKET_WORDS), DROP_GROUP)
        return
    block, bucket = top[BLOCK], top[BUCKET]
    last = group_kind(arena, block) != GROUP_ALL or bucket == bucket_count(arena, block) - 1
    address = pop(w, top) if last else split(node, w, top)
    if address:
        child = view_words(address, PACKET_WORDS)
        count_bucket(arena, block, w[W_ID], bucket, 1, child[LENGTH])
        child[REASON] = OFPR_GROUP
        run_bucket(node, w, child, bucket_program(arena, block, bucket))


@kernel
def enter(node: Words, w: Words, arena: Words, top: Words) -> bool:
    """A packet comes to its group: count it, choose; False if there is no bucket for it."""
    at, slot = N_GROUPS, top[GROUP] - 1
    groups = Groups(
        view_words(node[at], node[at + 1]),
        view_words(node[at + 2], node[at + 3]),
        view_words(node[at + 4], node[at + 5]),
    )
    block = group_block(groups, slot)
    if block == 0:
        return False
    count_group(groups, w[W_ID], slot, 1, top[LENGTH])
    top[BLOCK], top[BUCKET] = block, 0
    if group_kind(arena, block) == GROUP_ALL:
        return bucket_count(arena, block) > 0
    live = view_words(node[N_LIVE], MAX_PORTS)
    top[BUCKET] = choose_bucket(groups, arena, block, top[HASH], live)
    return top[BUCKET] >= 0


@kernel
def split(node: Words, w: Words, top: Words) -> int:
    """A copy of the packet for this bucket, in the child row; the packet stays for the next. 0: no frame is free."""
    address = address_of(w, W_CHILD)
    child = view_words(address, PACKET_WORDS)
    top[BUCKET] += 1
    pool = view_words(node[N_POOL], node[N_POOL_WORDS])
    if copy_frame(view_bytes(node[N_MEM], node[N_MEM_BYTES]), pool, top, child):
        w[W_DROPS + DROP_NO_FRAME] += 1
        return 0
    restore(w, child, w[W_DEPTH] - 1)
    return address


@kernel
def run_bucket(node: Words, w: Words, child: Words, program: int) -> None:
    """Execute a bucket on a packet that is its own, to its end."""
    if run(node, w, child, program):
        finish(node, w, child)


@kernel
def run(node: Words, w: Words, child: Words, program: int) -> bool:
    """Execute a program on a packet that lay on the stack; False if it was dropped."""
    take_up(w, child)
    return execute(node, w, child, program) != NEXT_DROPPED
