"""Changes of flow entries that are told of, undone, and made room for."""

from __future__ import annotations

from random import Random

from tests.dataplane import wire
from tests.dataplane.forwarder import encode
from tests.dataplane.rules import Rules
from tests.dataplane.tables.test_flows import EVERY, OUT1, codes, cookies, host, make, newest, send, tcp, use
from tests.dataplane.wire import (
    ADD,
    ALL_TABLES,
    DELETE,
    DELETE_STRICT,
    MODIFY,
    MODIFY_STRICT,
    RESET_COUNTS,
    SEND_FLOW_REM,
)
from tests.oracle.flow_table import SECOND
from triplane.dataplane.kernels.compiler import INTERPRETED
from triplane.dataplane.switch.datapath import ADDED, CHANGED, REMOVED
from triplane.dataplane.tables.flows import FlowTables

TABLE_FULL = (5, 1)
DELETED, EVICTED = 2, 5
IMPORTANCE, LIFETIME = 2, 4
COMMANDS = [ADD] * 5 + [MODIFY, MODIFY_STRICT, DELETE, DELETE_STRICT]


def told(tables: FlowTables) -> list[bytes]:
    return sorted(tables.stats(EVERY, 0))


def settled(tables: FlowTables) -> int:
    """Words in use, once nothing waits to be freed."""
    tables.turn()
    tables.turn()
    return tables.bytes_used()


EMPTY = settled(make())


def test_what_is_undone_was_never_there() -> None:
    r = Random(5)
    for _ in range(2 if INTERPRETED else 20):
        rules, tables = Rules(r), make()
        send(tables, *(encode(rules.request([ADD])) for _ in range(40)))
        if tables.count(0):
            use(tables, newest(tables), 0, 3, 300, 0)
        before = told(tables)
        tables.begin()
        for _ in range(60):
            assert send(tables, encode(rules.request(COMMANDS))).removed == []
        tables.undo()
        assert (told(tables), tables.changes()) == (before, [])
        send(tables, wire.flow_mod(command=DELETE, table=ALL_TABLES))
        assert settled(tables) == EMPTY


def test_what_is_committed_is_as_without_a_bundle() -> None:
    r = Random(6)
    for _ in range(2 if INTERPRETED else 20):
        rules, one, other = Rules(r), make(), make()
        messages = [encode(rules.request(COMMANDS)) for _ in range(80)]
        removed = send(one, *messages).removed
        other.begin()
        send(other, *messages)
        assert other.commit(0) == removed
        assert told(one) == told(other)
        send(other, wire.flow_mod(command=DELETE, table=ALL_TABLES))
        assert settled(other) == EMPTY


def test_a_flow_entry_that_comes_back_matches_again_and_keeps_its_counts() -> None:
    tables = make()
    send(tables, wire.flow_mod(host(1), OUT1, priority=5, cookie=1, flags=SEND_FLOW_REM))
    use(tables, newest(tables), 1, 4, 400, 0)
    tables.begin()
    send(tables, wire.flow_mod(host(1), {}, priority=5, cookie=2, command=MODIFY_STRICT, flags=RESET_COUNTS))
    send(tables, wire.flow_mod(host(1), OUT1, priority=5, cookie=3, flags=RESET_COUNTS))
    send(tables, wire.flow_mod(command=DELETE))
    assert tables.aggregate(EVERY) == (0, 0, 0)
    tables.undo()
    assert (cookies(tables), tables.aggregate(EVERY)) == ([1], (4, 400, 1))
    send(tables, wire.flow_mod(host(1), command=DELETE_STRICT, priority=5))
    assert tables.count(0) == 0


def test_a_log_grows_as_long_as_it_must() -> None:
    tables = make()
    rows = 5 if INTERPRETED else 5000
    tables.decoder = tables.decoder._replace(log=tables.decoder.log[: 3 + 4 * 2].copy())
    flows = [wire.flow_mod(host(number), OUT1, cookie=number) for number in range(rows)]
    tables.begin()
    send(tables, *flows)
    send(tables, wire.flow_mod({}, {}, command=MODIFY))
    send(tables, wire.flow_mod(command=DELETE))
    tables.undo()
    assert tables.count(0) == 0
    tables.watch(True)
    send(tables, *flows, wire.flow_mod({}, {}, command=MODIFY), wire.flow_mod(command=DELETE))
    kinds = [change.kind for change in tables.changes()]
    assert kinds == [ADDED] * rows + [CHANGED] * rows + [REMOVED] * rows


def test_changes_are_told_in_order_with_their_cause() -> None:
    tables = make()
    tables.watch(True)
    first = wire.flow_mod(host(1), OUT1, cookie=1, hard=2)
    send(tables, first, wire.flow_mod(host(1), OUT1, cookie=2, hard=2), wire.flow_mod(tcp(1), OUT1, cookie=3))
    send(tables, wire.flow_mod(tcp(1), {}, command=MODIFY), wire.flow_mod(tcp(1), command=DELETE))
    tables.expire(2 * SECOND)
    seen = [
        (change.kind, change.reason, int.from_bytes(change.record[24:32]), change.at) for change in tables.changes()
    ]
    size = len(first)
    assert seen == [
        (ADDED, 0, 1, 0),
        (CHANGED, 0, 2, size),
        (ADDED, 0, 3, 2 * size),
        (CHANGED, 0, 3, 0),
        (REMOVED, DELETED, 3, len(wire.flow_mod(tcp(1), {}))),
        (REMOVED, 1, 2, -1),
    ]
    tables.watch(False)
    send(tables, first)
    assert tables.changes() == []


def test_a_full_table_gives_up_the_least_important() -> None:
    tables = make()
    tables.limit(3)
    tables.set_eviction(0, IMPORTANCE | LIFETIME)
    for number, importance, idle in ((1, 5, 0), (2, 3, 9), (3, 3, 4)):
        flags = SEND_FLOW_REM
        message = wire.flow_mod(host(number), OUT1, cookie=number, importance=importance, idle=idle, flags=flags)
        assert not send(tables, message).errors
    gone = send(tables, wire.flow_mod(host(4), OUT1, cookie=4, importance=9)).removed
    assert [(each.cookie, each.reason) for each in gone] == [(3, EVICTED)], "of two alike the sooner to end"
    assert codes(send(tables, wire.flow_mod(host(5), OUT1, cookie=5, importance=2))) == [TABLE_FULL]
    assert not send(tables, wire.flow_mod(host(4), OUT1, cookie=6, importance=1)).errors, "in place of an old one"
    assert cookies(tables) == [1, 2, 6]
    tables.set_eviction(0, None)
    assert codes(send(tables, wire.flow_mod(host(5), OUT1, cookie=5, importance=9))) == [TABLE_FULL]
    assert tables.room(0) == (3, 3)


def test_an_evicted_entry_comes_back_with_the_rest() -> None:
    tables = make()
    tables.limit(1)
    tables.set_eviction(0, IMPORTANCE)
    send(tables, wire.flow_mod(host(1), OUT1, cookie=1, importance=1))
    tables.begin()
    send(tables, wire.flow_mod(host(2), OUT1, cookie=2, importance=1))
    assert cookies(tables) == [2]
    tables.undo()
    assert cookies(tables) == [1]
