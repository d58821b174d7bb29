"""Flows that go with the last learn action that owned them (ovs-actions(7), delete_learned)."""

from __future__ import annotations

from random import Random

import pytest

from tests.dataplane import nicira_wire as nx
from tests.dataplane import wire
from tests.dataplane.tables.test_flow_log import EMPTY, settled
from tests.dataplane.tables.test_flows import EVERY, cookies, host, make, send, tcp
from tests.dataplane.wire import ADD, ALL_TABLES, DELETE, DELETE_STRICT, MODIFY, MODIFY_STRICT, SEND_FLOW_REM
from tests.oracle.flow_table import SECOND
from triplane.dataplane.kernels.compiler import INTERPRETED
from triplane.dataplane.kernels.limits import LIMIT_LEARNERS
from triplane.dataplane.switch.datapath import REMOVED, UNASKED, FlowFilter
from triplane.dataplane.tables.flows import FlowTables
from triplane.dataplane.tables.punts import Learnt

ALL64 = (1 << 64) - 1
Learn = tuple[int, int]  # table and cookie of what it makes
Flow = tuple[int, int]  # table and number


def owner(*learns: Learn, flags: int = nx.DELETE_LEARNED) -> dict[str, list[wire.Action]]:
    return {"apply": [("learn", table, [], 1, cookie, 0, 0, flags) for table, cookie in learns]}


def learner(*learns: Learn, number: int = 1, table: int = 0, flags: int = nx.DELETE_LEARNED, **more: int) -> bytes:
    """A flow-mod with these learn actions; its cookie is 99, unless told."""
    return wire.flow_mod(host(number), owner(*learns, flags=flags), table=table, cookie=more.pop("cookie", 99), **more)


def learnt(cookie: int, number: int = 1, table: int = 1, **more: int) -> bytes:
    return wire.flow_mod(host(number), {}, table=table, cookie=cookie, **more)


def remove(number: int = 1, table: int = 0) -> bytes:
    return wire.flow_mod(host(number), command=DELETE_STRICT, table=table)


def test_the_last_owner_takes_all_of_its_cookie_and_table_along() -> None:
    tables = make()
    send(
        tables, learner((1, 5)), learner((1, 5), number=2), learnt(5), learnt(5, 2), learnt(6, 3), learnt(5, 4, table=2)
    )
    send(tables, remove(1))
    assert cookies(tables) == [5, 5, 5, 6, 99]
    send(tables, remove(2))
    assert cookies(tables) == [5, 6]
    assert not tables.decoder.limits[LIMIT_LEARNERS]


def test_without_the_flag_they_stay() -> None:
    tables = make()
    send(tables, learner((1, 5), flags=nx.SEND_FLOW_REM), learnt(5), remove())
    assert cookies(tables) == [5]


@pytest.mark.parametrize(
    "change",
    [
        wire.flow_mod(host(1), {}, cookie=99),
        wire.flow_mod({}, {}, command=MODIFY),
        wire.flow_mod(host(1), owner((1, 6)), command=MODIFY_STRICT),
        wire.flow_mod(command=DELETE, cookie=99, cookie_mask=ALL64),
    ],
)
def test_an_action_goes_with_what_replaces_its_flow_or_changes_it(change: bytes) -> None:
    tables = make()
    send(tables, learner((1, 5)), learnt(5), change)
    assert 5 not in cookies(tables)


@pytest.mark.parametrize("change", [learner((1, 5)), wire.flow_mod({}, owner((1, 5)), command=MODIFY)])
def test_an_owner_that_comes_anew_keeps_them(change: bytes) -> None:
    tables = make()
    send(tables, learner((1, 5)), learnt(5), change)
    assert 5 in cookies(tables)


def test_between_two_flow_mods_of_a_run_nobody_owns_them() -> None:
    tables = make()
    send(tables, learner((1, 5)), learnt(5), remove(), learner((1, 5)))
    assert cookies(tables) == [99]


def test_timeouts_count_and_what_was_learnt_may_be_owners() -> None:
    tables = make()
    send(tables, learner((1, 5), hard=2), learner((2, 7), table=1, cookie=5), learnt(7, table=2, flags=SEND_FLOW_REM))
    removed = tables.expire(2 * SECOND)
    assert cookies(tables) == []
    assert [(gone.cookie, gone.reason, gone.table_id) for gone in removed] == [(7, 2, 2)]


def test_what_becomes_of_them_is_nobody_s_request() -> None:
    tables = make()
    tables.watch(True)
    send(tables, learner((1, 5)), learnt(5))
    tables.changes()
    send(tables, remove())
    seen = [(change.kind, change.at, change.record[2]) for change in tables.changes()]
    assert seen == [(REMOVED, 0, 0), (REMOVED, UNASKED, 1)]


def test_a_bundle_that_fails_gives_them_back() -> None:
    tables = make()
    send(tables, learner((1, 5)), learnt(5))
    tables.begin()
    send(tables, remove())
    assert cookies(tables) == []
    tables.undo()
    assert cookies(tables) == [5, 99]
    tables.begin()
    send(tables, remove(), learnt(5, 9))
    tables.commit(0)
    assert cookies(tables) == [5], "this one came later"
    tables.begin()
    send(tables, learner((1, 5)), remove())
    tables.commit(0)
    assert cookies(tables) == []


def test_a_flow_that_a_packet_asked_for_takes_the_place_of_an_owner() -> None:
    """It is known again by its mark all the same, and what it removed is told with the next timeouts."""
    tables = make()
    send(tables, learner((1, 5), number=1, table=2), learnt(5, flags=SEND_FLOW_REM))
    assert tables.learn(Learnt(learnt(77, table=2), 123, 0), 0)
    assert cookies(tables) == [77]
    assert [gone.cookie for gone in tables.expire(0)] == [5]


def test_a_log_that_is_too_short_takes_them_all_the_same() -> None:
    tables = make()
    tables.decoder = tables.decoder._replace(log=tables.decoder.log[: 3 + 4 * 3].copy())
    count = 8 if INTERPRETED else 300
    send(tables, *(learner((1, number), number=number) for number in range(1, count)))
    send(tables, *(learnt(number, number) for number in range(1, count)), wire.flow_mod(tcp(1), {}, cookie=50))
    send(tables, wire.flow_mod(command=DELETE, cookie=99, cookie_mask=ALL64))
    assert cookies(tables) == [50]
    send(tables, wire.flow_mod(command=DELETE, table=ALL_TABLES))
    assert settled(tables) == EMPTY


class Oracle:
    """Flows by table and number: their cookie, and the learn actions that own something."""

    def __init__(self) -> None:
        self.flows: dict[Flow, tuple[int, tuple[Learn, ...]]] = {}

    def put(self, flow: Flow, cookie: int, learns: tuple[Learn, ...], modify: bool) -> None:
        before = self.flows.get(flow)
        if modify and before is None:
            return
        self.flows[flow] = before[0] if modify and before else cookie, learns
        self._lose(before[1] if before else ())

    def remove(self, meant: list[Flow]) -> None:
        self._lose(tuple(learn for flow in meant for learn in self.flows.pop(flow)[1]))

    def _lose(self, lost: tuple[Learn, ...]) -> None:
        for table, cookie in lost:
            if all((table, cookie) not in learns for _, learns in self.flows.values()):
                self.remove([flow for flow, (own, _) in self.flows.items() if flow[0] == table and own == cookie])

    def by_cookie(self, cookie: int) -> None:
        self.remove([flow for flow, (own, _) in self.flows.items() if own == cookie])


def step(r: Random, oracle: Oracle) -> bytes:
    """One flow-mod, done by the oracle too."""
    flow, cookie = (r.randrange(3), r.randrange(4)), r.randrange(1, 4)
    learns = tuple((r.randrange(3), r.randrange(1, 4)) for _ in range(r.choice([0, 0, 1, 1, 2])))
    command = r.choice([ADD] * 4 + [MODIFY_STRICT, DELETE_STRICT, DELETE])
    if command == DELETE:
        oracle.by_cookie(cookie)
        return wire.flow_mod(command=DELETE, table=ALL_TABLES, cookie=cookie, cookie_mask=ALL64)
    if command == DELETE_STRICT:
        oracle.remove([flow] if flow in oracle.flows else [])
        return remove(flow[1], flow[0])
    oracle.put(flow, cookie, learns, command == MODIFY_STRICT)
    return wire.flow_mod(host(flow[1]), owner(*learns), command=command, table=flow[0], cookie=cookie)


def told(tables: FlowTables) -> list[tuple[int, int]]:
    return sorted((entry[2], int.from_bytes(entry[24:32])) for entry in tables.stats(EVERY, 0))


def test_any_changes_against_the_list() -> None:
    r = Random(7)
    for _ in range(5 if INTERPRETED else 60):
        tables, oracle = make(), Oracle()
        for _ in range(20):
            bundle = r.random() < 0.3
            if bundle:
                tables.begin()
            send(tables, *(step(r, oracle) for _ in range(r.randrange(1, 6))))
            if bundle:
                tables.commit(0)
            assert told(tables) == sorted((flow[0], own) for flow, (own, _) in oracle.flows.items())
        chosen = FlowFilter(ALL_TABLES, wire.ANY, wire.ANY, 0, 0, wire.match({}))
        assert tables.aggregate(chosen)[2] == len(oracle.flows)
        send(tables, wire.flow_mod(command=DELETE, table=ALL_TABLES))
        assert settled(tables) == EMPTY
