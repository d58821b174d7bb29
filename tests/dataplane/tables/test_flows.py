"""Flow-mods, statistics and time-outs, on the wire, against a list of entries."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from random import Random

import numpy as np
import pytest

from tests.dataplane import wire
from tests.dataplane.forwarder import encode
from tests.dataplane.rules import Rules
from tests.dataplane.wire import (
    ADD,
    ALL_TABLES,
    ANY,
    CHECK_OVERLAP,
    DELETE,
    DELETE_STRICT,
    MODIFY,
    MODIFY_STRICT,
    RESET_COUNTS,
    SEND_FLOW_REM,
)
from tests.oracle import instructions
from tests.oracle.flow_table import SECOND, Flow, FlowTable, Request
from tests.oracle.oxm import Match, Refused
from tests.oracle.program import Limits
from triplane.dataplane.kernels.arena import make_arena
from triplane.dataplane.kernels.classify import COUNTER_WORDS, F_COUNTERS, N_BYTES, N_PACKETS, N_USED, T_FIRST, T_LIMIT
from triplane.dataplane.kernels.compiler import INTERPRETED
from triplane.dataplane.kernels.flow_decoder import EVENTS
from triplane.dataplane.kernels.ids import make_index
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.switch.datapath import FlowFilter, FlowModOutcome, Removed
from triplane.dataplane.tables.flows import FlowTables

TABLE_FULL, OVERLAP, BAD_COMMAND = (5, 1), (5, 3), (5, 6)
OUT1 = {"apply": [("output", 1, 0)]}
IDLE, HARD, DELETED = 0, 1, 2
EVERY = FlowFilter(ALL_TABLES, ANY, ANY, 0, 0, wire.match({}))


def tcp(port: int) -> Match:
    return {"eth_type": (0x800, 0xFFFF), "ip_proto": (6, 0xFF), "tcp_dst": (port, 0xFFFF)}


def host(number: int, length: int = 32) -> Match:
    mask = (1 << 32) - (1 << 32 - length)
    return {"eth_type": (0x800, 0xFFFF), **({"ipv4_dst": (number & mask, mask)} if mask else {})}


def make(words: int = 1 << 22, workers: int = 2) -> FlowTables:
    return FlowTables(make_arena(words), workers, make_index(16), make_index(16))


@pytest.fixture
def tables() -> Iterator[FlowTables]:
    yield make()


def send(tables: FlowTables, *messages: bytes, now: int = 0) -> FlowModOutcome:
    data = b"".join(messages)
    outcome = tables.flow_mods(data, 0, len(data), now)
    assert outcome.consumed == len(data)
    return outcome


def codes(outcome: FlowModOutcome) -> list[tuple[int, int]]:
    return [(kind, code) for _, kind, code in outcome.errors]


def use(tables: FlowTables, flow: int, worker: int, packets: int, octets: int, now: int) -> None:
    """Count packets, as a worker does."""
    arena = tables.flows.arena
    at = int(arena[flow + F_COUNTERS]) + worker * COUNTER_WORDS
    arena[at + N_PACKETS] += packets
    arena[at + N_BYTES] += octets
    arena[at + N_USED] = now


def newest(tables: FlowTables) -> int:
    return int(tables.flows.tables[T_FIRST])


def cookies(tables: FlowTables, chosen: FlowFilter = EVERY) -> list[int]:
    return sorted(int.from_bytes(entry[24:32]) for entry in tables.stats(chosen, 0))


def test_an_entry_is_told_as_it_was_sent(tables: FlowTables) -> None:
    then = {"apply": [("output", 3, 70)], "write": [("set_field", "eth_dst", 5)], "goto": 9, "metadata": (1, 3)}
    message = wire.flow_mod(tcp(80), then, table=4, priority=7, cookie=1 << 63 | 5, idle=3, hard=4, flags=3)
    send(tables, message, now=5)
    use_at = int(tables.flows.tables[4 * 16 + T_FIRST])
    use(tables, use_at, 0, 2, 200, 6)
    use(tables, use_at, 1, 3, 300, 6)
    (entry,) = tables.stats(EVERY, 2 * SECOND + 8)
    fixed = struct.pack("!BxIIHHHH4xQQQ", 4, 2, 3, 7, 3, 4, 3, 1 << 63 | 5, 5, 500)
    assert entry == (2 + len(fixed) + len(message) - 48).to_bytes(2) + fixed + message[48:]
    assert tables.aggregate(EVERY) == (5, 500, 1)


def ages(tables: FlowTables, now: int) -> list[tuple[int, int]]:
    """Seconds plus one since each flow was used, and since it was changed."""
    return [struct.unpack_from("!HH", entry, 20) for entry in tables.stats(EVERY, now, ages=True)]


def test_ages_of_an_entry(tables: FlowTables) -> None:
    send(tables, wire.flow_mod(host(1), OUT1), now=5 * SECOND)
    assert ages(tables, 8 * SECOND - 1) == [(3, 3)]
    use(tables, newest(tables), 1, 1, 64, 9 * SECOND)
    assert ages(tables, 10 * SECOND) == [(2, 6)]
    tables.begin()
    send(tables, wire.flow_mod({}, {}, command=MODIFY), now=11 * SECOND)
    assert ages(tables, 12 * SECOND) == [(4, 2)]
    tables.undo()
    assert ages(tables, 12 * SECOND) == [(4, 8)]
    assert ages(tables, 8 * SECOND) == [(1, 4)], "a worker may be ahead of the clock that was read"
    assert ages(tables, 100_000 * SECOND) == [(0xFFFF, 0xFFFF)]


def test_commands_filters_and_flags_against_the_list() -> None:
    r = Random(11)
    for _ in range(3 if INTERPRETED else 30):
        rules, tables, oracle = Rules(r), make(), FlowTable()
        for step in range(60):
            request = rules.request([ADD] * 5 + [MODIFY, MODIFY_STRICT, DELETE, DELETE_STRICT])
            if request.command >= DELETE and r.random() < 0.2:
                request.table = ALL_TABLES
            outcome = send(tables, encode(request), now=step)
            assert codes(outcome) == expected(oracle, request, step)
            assert sorted(each.cookie for each in outcome.removed) == sorted(flow.cookie for flow, _ in oracle.removed)
            oracle.removed.clear()
        check_choices(r, rules, tables, oracle)


def expected(oracle: FlowTable, request: Request, now: int) -> list[tuple[int, int]]:
    try:
        instructions.decode_flow_mod(encode(request), Limits())
        error = oracle.apply(request, now)
    except Refused as refused:
        error = refused.word
    return [(error >> 16, error & 0xFFFF)] if error else []


def check_choices(r: Random, rules: Rules, tables: FlowTables, oracle: FlowTable) -> None:
    """What statistics requests select."""
    for _ in range(20):
        request = rules.request([DELETE])
        request.table = r.choice([request.table, ALL_TABLES])
        wanted = sorted(flow.cookie for flow in oracle.flows if request.means(flow))
        chosen = FlowFilter(request.table, request.out_port, request.out_group, request.cookie, request.cookie_mask,
                            wire.match(request.match))  # fmt: skip
        assert cookies(tables, chosen) == wanted
        assert tables.aggregate(chosen) == (0, 0, len(wanted))


def test_adding_again_replaces_and_keeps_counts_unless_asked(tables: FlowTables) -> None:
    send(tables, wire.flow_mod(host(1), OUT1, priority=5, cookie=1, flags=SEND_FLOW_REM))
    use(tables, newest(tables), 1, 4, 400, 0)
    outcome = send(tables, wire.flow_mod(host(1), OUT1, priority=5, cookie=2, idle=9), now=SECOND)
    assert (outcome.removed, cookies(tables), tables.count(0)) == ([], [2], 1), "a replaced entry is not told of"
    assert tables.aggregate(EVERY) == (4, 400, 1)
    (entry,) = tables.stats(EVERY, SECOND)
    assert int.from_bytes(entry[4:8]) == 0, "its life begins anew"
    send(tables, wire.flow_mod(host(1), OUT1, priority=5, cookie=3, flags=RESET_COUNTS))
    assert tables.aggregate(EVERY) == (0, 0, 1)


def test_modifying_keeps_all_but_the_instructions(tables: FlowTables) -> None:
    send(tables, wire.flow_mod(host(1), OUT1, priority=5, cookie=1, idle=7, hard=8, flags=SEND_FLOW_REM))
    use(tables, newest(tables), 0, 1, 60, 0)
    change = {"apply": [("output", 2, 0), ("output", 3, 0)]}
    send(tables, wire.flow_mod(host(0, 8), change, command=MODIFY, cookie=9, idle=1, hard=1))
    (entry,) = tables.stats(EVERY, 0)
    assert [int.from_bytes(entry[at : at + 2]) for at in (14, 16, 18)] == [7, 8, SEND_FLOW_REM]
    assert (cookies(tables), tables.aggregate(EVERY)) == ([1], (1, 60, 1))
    assert entry.endswith(wire.instructions(change))
    send(tables, wire.flow_mod(host(1), {}, command=MODIFY_STRICT, priority=5, flags=RESET_COUNTS))
    assert tables.aggregate(EVERY) == (0, 0, 1)


def test_modifying_what_is_not_there_is_no_error_and_adds_nothing(tables: FlowTables) -> None:
    assert not send(tables, wire.flow_mod(host(1), OUT1, command=MODIFY)).errors
    assert not send(tables, wire.flow_mod(host(1), OUT1, command=MODIFY_STRICT)).errors
    assert tables.count(0) == 0


def test_overlap(tables: FlowTables) -> None:
    send(tables, wire.flow_mod(host(0x0A000000, 8), OUT1, priority=5))
    overlapping = wire.flow_mod(tcp(80), OUT1, priority=5, flags=CHECK_OVERLAP)
    assert codes(send(tables, overlapping)) == [OVERLAP]
    same = wire.flow_mod(host(0x0A000000, 8), OUT1, priority=5, flags=CHECK_OVERLAP, cookie=3)
    others = [
        wire.flow_mod(tcp(80), OUT1, priority=6, flags=CHECK_OVERLAP),
        wire.flow_mod(host(0x0B000000, 8), OUT1, priority=5, flags=CHECK_OVERLAP),
        wire.flow_mod(tcp(80), OUT1, priority=5, table=1, flags=CHECK_OVERLAP),
    ]
    assert not send(tables, same, *others).errors
    assert tables.count(0) == 3


def test_timeouts_tell_what_went(tables: FlowTables) -> None:
    send(tables, wire.flow_mod(host(1), OUT1, priority=3, cookie=1, idle=2, hard=10, flags=SEND_FLOW_REM), now=7)
    used = newest(tables)
    send(tables, wire.flow_mod(host(2), OUT1, cookie=2, hard=3, flags=SEND_FLOW_REM, table=2), now=7)
    send(tables, wire.flow_mod(host(3), OUT1, cookie=3, hard=3), wire.flow_mod(host(4), OUT1, cookie=4), now=7)
    use(tables, used, 1, 5, 500, SECOND + 7)
    assert tables.expire(3 * SECOND + 6) == []
    assert {each.cookie for each in tables.expire(3 * SECOND + 7)} == {1, 2}
    assert cookies(tables) == [4]
    again = make()
    send(again, wire.flow_mod(host(1), OUT1, priority=3, cookie=1, idle=2, hard=10, flags=SEND_FLOW_REM), now=7)
    use(again, newest(again), 0, 5, 500, SECOND + 7)
    assert again.expire(3 * SECOND + 9) == [
        Removed(1, 3, IDLE, 0, 3, 2, 2, 10, 5, 500, wire.match(host(1)), SEND_FLOW_REM)
    ]


def test_hard_timeout_comes_first(tables: FlowTables) -> None:
    send(tables, wire.flow_mod(host(1), OUT1, idle=1, hard=1, flags=SEND_FLOW_REM))
    (gone,) = tables.expire(5 * SECOND)
    assert gone.reason == HARD


def test_more_removals_than_one_run_of_events(tables: FlowTables) -> None:
    """Deleted by one message, and by a message each; with an error in between."""
    count = EVENTS + 500 if not INTERPRETED else EVENTS + 3
    data = b"".join(wire.flow_mod(host(number), OUT1, cookie=number, flags=SEND_FLOW_REM) for number in range(count))
    send(tables, data)
    wrong = wire.flow_mod(host(1), OUT1, command=5)
    outcome = send(tables, wire.flow_mod(command=DELETE, table=ALL_TABLES), wrong)
    assert {each.cookie for each in outcome.removed} == set(range(count))
    assert len(outcome.removed) == count
    assert (codes(outcome), tables.count(0)) == ([BAD_COMMAND], 0)
    send(tables, data)
    strict = [wire.flow_mod(host(number), command=DELETE_STRICT) for number in range(count)]
    assert [each.cookie for each in send(tables, *strict).removed] == list(range(count))
    send(tables, b"".join(wire.flow_mod(host(number), OUT1, hard=1, flags=SEND_FLOW_REM) for number in range(count)))
    assert len(tables.expire(SECOND)) == count


def test_more_errors_than_one_run_of_events(tables: FlowTables) -> None:
    wrong = wire.flow_mod(command=7)
    outcome = send(tables, wrong * (EVENTS + 7))
    assert [at for at, _, _ in outcome.errors] == [number * len(wrong) for number in range(EVENTS + 7)]


def test_buffers_of_what_succeeded_are_told(tables: FlowTables) -> None:
    good, bad = wire.flow_mod(host(1), OUT1, buffer=5), wire.flow_mod(host(1), OUT1, buffer=6, command=8)
    outcome = send(tables, good, bad, wire.flow_mod(host(1), command=DELETE, buffer=7))
    assert outcome.buffers == [(0, 5)]


def test_a_run_ends_where_something_else_begins(tables: FlowTables) -> None:
    first = wire.flow_mod(host(1), OUT1)
    for rest in (b"\4\x14\0\x08\0\0\0\1", b"\5" + first[1:], first[:-1], first[:7], b"\4\x0e\0\7\0\0\0\0"):
        data = bytearray(b"\xee" * 5 + first + rest)
        assert tables.flow_mods(data, 5, len(data), 0).consumed == 5 + len(first)


def test_full_table(tables: FlowTables) -> None:
    tables.flows.tables[T_LIMIT] = 2
    flows = [wire.flow_mod(host(number), OUT1, cookie=number) for number in range(3)]
    assert codes(send(tables, *flows)) == [TABLE_FULL]
    assert not send(tables, flows[0], wire.flow_mod(host(9), OUT1, table=1)).errors, "replacing takes no place"
    assert tables.count(0) == 2


@pytest.mark.parametrize("room", [100, 400, 1000, 3000])
def test_memory_full(room: int) -> None:
    """What is refused leaves the tables as they were, and memory comes back."""
    tables, r, refused = make(room), Random(room), 0
    known: list[Flow] = []
    for number in range(200):
        match = host(r.randrange(1 << 32), r.choice([8, 16, 24, 30, 32]))
        outcome = send(tables, wire.flow_mod(match, OUT1, priority=number, cookie=number))
        if outcome.errors:
            assert codes(outcome) == [TABLE_FULL]
            refused += 1
        else:
            known.append(Flow(0, number, match, OUT1, number))
        assert cookies(tables) == [flow.cookie for flow in known]
    assert refused
    send(tables, wire.flow_mod(command=DELETE, table=ALL_TABLES))
    assert tables.bytes_used() == 0


@pytest.mark.parametrize("command", [MODIFY, MODIFY_STRICT])
def test_memory_that_does_not_do_for_a_modification(command: int) -> None:
    """All the flows it means are changed or none."""
    tables = make(4000)
    for number in range(20):
        assert not send(tables, wire.flow_mod(host(number), OUT1, cookie=number)).errors
    before, used = list(tables.stats(EVERY, 0)), tables.bytes_used()
    long = {"apply": [("output", 2, 0)] * (50 if command == MODIFY else 1000)}
    change = wire.flow_mod(host(3) if command == MODIFY_STRICT else {}, long, command=command)
    assert codes(send(tables, change)) == [TABLE_FULL]
    assert (list(tables.stats(EVERY, 0)), tables.bytes_used()) == (before, used)
    tables.turn()
    tables.turn()
    assert not send(tables, wire.flow_mod(host(3), OUT1, command=MODIFY_STRICT)).errors, "there is some again"


def test_rounds_of_adding_and_deleting_take_no_more_memory(tables: FlowTables) -> None:
    r, tops = Random(4), set()
    flows = [wire.flow_mod(host(r.randrange(1 << 32), r.choice([8, 16, 24, 30, 32])), OUT1) for _ in range(300)]
    for _ in range(5):
        send(tables, *flows)
        send(tables, wire.flow_mod(command=MODIFY))
        send(tables, wire.flow_mod(command=DELETE, table=ALL_TABLES))
        tables.turn()
        tables.turn()
        assert tables.bytes_used() == 0
        tops.add(int(tables.flows.arena[0]))
    assert len(tops) == 1


def test_dump_longer_than_its_buffer(tables: FlowTables) -> None:
    count, many = 300, {"apply": [("output", 1, 0)] * 60}
    tables._out = np.zeros(100_000, np.uint8)
    send(tables, *(wire.flow_mod(host(number), many, cookie=number, table=number % 3) for number in range(count)))
    assert cookies(tables) == list(range(count))
    assert cookies(tables, EVERY._replace(table_id=1)) == list(range(1, count, 3))


def test_a_filter_that_is_no_match_is_refused(tables: FlowTables) -> None:
    with pytest.raises(OpenFlowError) as caught:
        tables.stats(EVERY._replace(match=b"\0\0\0\4\0\0\0\0"), 0)
    assert (caught.value.type, caught.value.code) == (4, 0)
    assert tables.aggregate(EVERY._replace(out_group=7)) == (0, 0, 0)


def test_a_table_that_is_not_there_has_no_entries(tables: FlowTables) -> None:
    """The statistics of Nicira and the monitors of ONF may name it."""
    nowhere = EVERY._replace(table_id=254)
    assert (list(tables.stats(nowhere, 0)), tables.aggregate(nowhere)) == ([], (0, 0, 0))
