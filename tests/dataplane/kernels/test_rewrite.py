from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.oracle import actions as oracle
from tests.oracle.checksums import internet_check, ones_sum, pseudo_header
from tests.oracle.frames import anything, damaged, ethernet, frames, ipv4, ipv6, tcp, udp, wrapped
from tests.oracle.parse import key_words, parse
from tests.oracle.slots import contents, empty_key, place
from triplane.dataplane.kernels import rewrite as kernels
from triplane.dataplane.kernels.fields import FIELDS, K_ETH_DST, K_REG, PBB_UCA
from triplane.dataplane.kernels.packet import (
    ADDR,
    CSUM,
    CSUM_OFFSET,
    CSUM_PARTIAL,
    CSUM_START,
    L3,
    LENGTH,
    PACKET_WORDS,
    TUNNEL_ID,
)
from triplane.dataplane.kernels.parse import fill_key, layout
from triplane.dataplane.kernels.pool import HEADROOM, SMALL_SIZE, Pool, Words, give_one, make_pool

POOL = make_pool(8, 2)
HOSTS = b"\x0a\0\0\1", b"\x0a\0\0\2"

Step = tuple[str, tuple[int, ...]]
bare = st.sampled_from(
    ["pop_vlan", "pop_pbb", "dec_nw_ttl", "dec_mpls_ttl", "copy_ttl_out", "copy_ttl_in"]
).map(lambda name: (name, ()))  # fmt: skip
with_type = st.tuples(
    st.sampled_from(["push_vlan", "push_mpls", "push_pbb", "pop_mpls"]),
    st.sampled_from([(0x8100,), (0x88A8,), (0x8847,), (0x8848,), (0x88E7,), (0x0800,), (0x86DD,), (0x0806,)]),
)
with_ttl = st.tuples(st.sampled_from(["set_nw_ttl", "set_mpls_ttl"]), st.integers(0, 255).map(lambda ttl: (ttl,)))
settable = st.sampled_from([field for field in (*FIELDS, PBB_UCA) if field.settable])
set_fields = settable.flatmap(
    lambda field: st.tuples(
        st.just("set_field"), st.tuples(st.just(field.number), st.integers(0, (1 << field.bits) - 1))
    )
)
steps = st.lists(st.one_of(set_fields, set_fields, bare, with_type, with_ttl), max_size=8)
CALLS: dict[str, Callable[..., int]] = {name: getattr(kernels, name) for name in kernels.__all__ if name.islower()}
NUMBERS = {field.number: field for field in (*FIELDS, PBB_UCA)}


def signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word


def run_kernel(pool: Pool, row: Words, step: Step) -> int:
    name, args = step
    if name == "set_field":
        number, value = args
        wide = NUMBERS[number].bits == 128
        high, low = (value >> 64, value & (1 << 64) - 1) if wide else (value, 0)
        return kernels.set_field(pool.mem, row, number, signed(high), signed(low))
    if name.startswith("push"):
        return CALLS[name](pool.mem, pool.pool, row, *args)
    return CALLS[name](pool.mem, row, *args)


def run_oracle(frame: oracle.Frame, step: Step) -> int:
    name, args = step
    if name == "set_field":
        return oracle.set_field(frame, NUMBERS[args[0]].name, args[1])
    outcome: int = getattr(oracle, name)(frame, *args)
    return outcome


def check_steps(row: Words, frame: oracle.Frame, todo: list[Step]) -> None:
    """Both do the same; and after each step the layout is that of a fresh look, and so is the key."""
    layout(POOL.mem, row)
    for step in todo:
        assert run_kernel(POOL, row, step) == run_oracle(frame, step), step
        assert contents(POOL.mem, row) == frame.data, step
        fresh = row.copy()
        layout(POOL.mem, fresh)
        assert row.tolist() == fresh.tolist(), step
        key = empty_key()
        fill_key(POOL.mem, row, key)
        assert key[K_ETH_DST:K_REG].tolist() == key_words(parse(frame.data))[K_ETH_DST:K_REG], step
    assert int(row[TUNNEL_ID]) == signed(frame.tunnel)


@given(frames(), steps)
@example(ethernet(bytes(6), bytes(6), [], 0x0800, ipv4(*HOSTS, 17, udp(1, 2))[:-2] + b"\0\0"), [("set_field", (11, 5))])
def test_lists_of_actions(frame: bytes, todo: list[Step]) -> None:
    row = place(POOL, frame)
    check_steps(row, oracle.Frame(frame), todo)
    give_one(POOL.pool, row[ADDR])


@given(st.one_of(damaged(), anything), steps)
def test_lists_of_actions_on_damaged_frames(frame: bytes, todo: list[Step]) -> None:
    row = place(POOL, frame)
    check_steps(row, oracle.Frame(frame), todo)
    give_one(POOL.pool, row[ADDR])


@given(st.booleans(), st.booleans(), st.binary(max_size=20), steps)
def test_a_partial_checksum_is_completed_to_the_right_one(
    is_tcp: bool, v6: bool, payload: bytes, todo: list[Step]
) -> None:
    """An offloaded frame, rewritten and completed, is the plain frame rewritten."""
    from triplane.dataplane.kernels.checksum import complete

    todo = [step for step in todo if step[0] != "set_field" or step[1][0] not in {5, 10}]  # eth_type, ip_proto
    proto, offset = (6, 16) if is_tcp else (17, 6)
    message = tcp(1, 2, payload) if is_tcp else udp(1, 2, payload)
    hosts = (b"\x20" * 16, b"\x30" * 16) if v6 else HOSTS
    packet = (ipv6 if v6 else ipv4)(*hosts, proto, message)
    frame = ethernet(bytes(6), bytes(6), [(0x8100, 7)], 0x86DD if v6 else 0x0800, packet)
    start = parse(frame).at["l4"]
    pseudo = struct.pack("!H", ones_sum(pseudo_header(*hosts, proto, len(message))))
    row, plain = place(POOL, oracle.splice(frame, start + offset, pseudo)), oracle.Frame(frame)
    row[CSUM], row[CSUM_START], row[CSUM_OFFSET] = CSUM_PARTIAL, start, offset
    layout(POOL.mem, row)
    for step in todo:
        assert run_kernel(POOL, row, step) == run_oracle(plain, step), step
    complete(POOL.mem, row)
    assert contents(POOL.mem, row).replace(b"\xff\xff", b"\0\0") == plain.data.replace(b"\xff\xff", b"\0\0")
    give_one(POOL.pool, row[ADDR])


@settings(max_examples=300)
@given(frames(), st.data())
def test_sets_every_field_that_is_there(frame: bytes, data: st.DataObject) -> None:
    present = [field for field in FIELDS if field.settable and field.name in parse(frame).fields]
    field = data.draw(st.sampled_from(present))
    value = data.draw(st.integers(0, (1 << field.bits) - 1))
    row = place(POOL, frame)
    check_steps(row, oracle.Frame(frame), [("set_field", (field.number, value))])
    give_one(POOL.pool, row[ADDR])


@given(wrapped("mpls", 1), st.integers(0, 80), bare)
def test_ttl_actions_on_label_stacks(body: tuple[int, bytes], cut: int, step: Step) -> None:
    frame = ethernet(bytes(6), bytes(6), [], body[0], body[1][:cut])
    row = place(POOL, frame)
    check_steps(row, oracle.Frame(frame), [step])
    give_one(POOL.pool, row[ADDR])


@given(st.integers(0, 40), frames())
def test_with_little_headroom_the_tail_gives_way(headroom: int, frame: bytes) -> None:
    row = place(POOL, frame)
    base = int(row[ADDR]) - HEADROOM
    POOL.mem[base + headroom : base + headroom + len(frame)] = np.frombuffer(frame, np.uint8)
    row[ADDR] = base + headroom
    check_steps(row, oracle.Frame(frame), [("push_vlan", (0x8100,))] * 5 + [("push_pbb", (0x88E7,))] * 3)
    give_one(POOL.pool, row[ADDR])


def test_a_full_slot_has_no_room() -> None:
    frame = ethernet(bytes(6), bytes(6), [], 0x88CC, bytes(SMALL_SIZE - 14 - HEADROOM))
    row = place(POOL, frame)
    layout(POOL.mem, row)
    for _ in range(HEADROOM // 4):
        assert kernels.push_vlan(POOL.mem, POOL.pool, row, 0x8100) == kernels.DONE
    before = contents(POOL.mem, row)
    assert kernels.push_vlan(POOL.mem, POOL.pool, row, 0x8100) == kernels.NO_ROOM
    assert kernels.push_mpls(POOL.mem, POOL.pool, row, 0x8847) == kernels.NO_ROOM
    assert kernels.push_pbb(POOL.mem, POOL.pool, row, 0x88E7) == kernels.NO_ROOM
    assert contents(POOL.mem, row) == before
    give_one(POOL.pool, row[ADDR])


@given(st.integers(0, 1), st.integers(1, 2))
def test_a_ttl_that_would_end_expires(ttl: int, tags: int) -> None:
    frame = ethernet(bytes(6), bytes(6), [(0x8100, 1)] * tags, 0x0800, ipv4(*HOSTS, 17, udp(1, 2), ttl=ttl))
    row = place(POOL, frame)
    layout(POOL.mem, row)
    assert kernels.dec_nw_ttl(POOL.mem, row) == kernels.EXPIRED
    assert contents(POOL.mem, row) == frame
    give_one(POOL.pool, row[ADDR])


def test_a_source_routed_destination_is_not_in_the_checksum() -> None:
    source, stop, final = b"\x20" * 16, b"\x30" * 16, b"\x40" * 16
    route = bytes([2, 0, 1]) + bytes(4) + final
    frame = ethernet(
        bytes(6), bytes(6), [], 0x86DD, ipv6(source, stop, 17, udp(1, 2), chain=[(43, route)], final=final)
    )
    row = place(POOL, frame)
    layout(POOL.mem, row)
    kernels.set_field(POOL.mem, row, 27, 0x5050505050505050, 0x5050505050505050)
    assert contents(POOL.mem, row) == frame.replace(stop, b"\x50" * 16)
    give_one(POOL.pool, row[ADDR])


@given(anything)
def test_copies_have_all_columns_and_bytes(frame: bytes) -> None:
    row, copy = place(POOL, frame), np.zeros(PACKET_WORDS, np.int64)
    layout(POOL.mem, row)
    row[TUNNEL_ID] = 9
    assert kernels.copy_frame(POOL.mem, POOL.pool, row, copy) == kernels.DONE
    assert contents(POOL.mem, copy) == frame
    assert copy[ADDR] != row[ADDR]
    assert copy[LENGTH:].tolist() == row[LENGTH:].tolist()
    for addr in (row[ADDR], copy[ADDR]):
        give_one(POOL.pool, addr)


def test_no_copy_without_a_slot() -> None:
    pool = make_pool(1, 0)
    row, copy = place(pool, bytes(60)), np.zeros(PACKET_WORDS, np.int64)
    assert kernels.copy_frame(pool.mem, pool.pool, row, copy) == kernels.NO_ROOM
    assert not copy.any()


@given(st.binary(max_size=70), st.sampled_from([0, HEADROOM, SMALL_SIZE - 70]))
def test_pads_with_zeros(frame: bytes, at: int) -> None:
    row = place(POOL, bytes(70))
    base = int(row[ADDR]) - HEADROOM
    POOL.mem[base : base + SMALL_SIZE] = 0xA5
    row[ADDR], row[LENGTH] = base + at, len(frame)
    POOL.mem[base + at : base + at + len(frame)] = np.frombuffer(frame, np.uint8)
    assert kernels.pad(POOL.mem, POOL.pool, row) == kernels.DONE
    assert contents(POOL.mem, row) == frame + bytes(max(0, 60 - len(frame)))
    give_one(POOL.pool, row[ADDR])


def test_dscp_keeps_the_header_valid() -> None:
    row = place(POOL, ethernet(bytes(6), bytes(6), [], 0x0800, ipv4(*HOSTS, 17, udp(1, 2), tos=1)))
    layout(POOL.mem, row)
    kernels.set_field(POOL.mem, row, 8, 46, 0)
    header = contents(POOL.mem, row)[int(row[L3]) :][:20]
    assert header[1] == 46 << 2 | 1
    assert internet_check(header[:10] + b"\0\0" + header[12:]) == int.from_bytes(header[10:12], "big")
    give_one(POOL.pool, row[ADDR])


@pytest.mark.parametrize(
    ("number", "value", "expected"),
    [
        (6, 0x1000, "8100f000 8847ffffffff"),
        (7, 0, "81001fff 8847ffffffff"),
        (34, 0, "8100ffff 884700000fff"),
        (35, 0, "8100ffff 8847fffff1ff"),
        (36, 0, "8100ffff 8847fffffeff"),
    ],
)
def test_fields_leave_the_bits_beside_them(number: int, value: int, expected: str) -> None:
    row = place(POOL, bytes(12) + bytes.fromhex("8100ffff 8847ffffffff"))
    layout(POOL.mem, row)
    assert kernels.set_field(POOL.mem, row, number, value, 0) == kernels.DONE
    assert contents(POOL.mem, row)[12:] == bytes.fromhex(expected)
    give_one(POOL.pool, row[ADDR])
