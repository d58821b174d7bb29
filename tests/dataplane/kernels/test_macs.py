from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from tests.oracle.macs import Learning
from triplane.dataplane.kernels.macs import (
    ALL_MACS,
    M_COUNT,
    M_EVICTED,
    M_MOVED,
    is_reserved_multicast,
    mac_expire,
    mac_flush,
    mac_learn,
    mac_lookup,
    make_macs,
)

SECOND = 10**9
vlans = st.sampled_from([0, 1, 2, 4095])
macs = st.sampled_from([0, 0x020000000001, 0x020000000002, 0x0200000000FF, 0xFE_FFFF_FFFFFF, 0x010000000001, 2**48 - 1])
ports = st.integers(1, 255)
learn = st.tuples(st.just("learn"), vlans, macs, ports)
flush = st.tuples(st.just("flush"), st.just(0), st.just(0), ports)
wait = st.tuples(st.just("wait"), st.just(0), st.just(0), st.integers(1, 200))
expire = st.tuples(st.just("expire"), st.just(0), st.just(0), st.just(0))


@given(st.lists(st.one_of(learn, learn, wait, flush, expire), max_size=25), vlans, macs)
def test_knows_what_a_dict_knows(steps: list[tuple[str, int, int, int]], vlan: int, mac: int) -> None:
    table, oracle, now = make_macs(256, 300.0), Learning(300.0), 5 * SECOND
    for what, where, who, number in steps:
        if what == "learn":
            mac_learn(table, where, who, number, now)
            oracle.learn(where, who, number, now)
        elif what == "flush":
            mac_flush(table, number)
            oracle.flush(number)
        elif what == "expire":
            mac_expire(table, now)
        else:
            now += number * SECOND
        assert mac_lookup(table, vlan, mac, now) in oracle.lookup(vlan, mac, now)


def test_a_full_set_forgets_the_address_seen_longest_ago() -> None:
    table = make_macs(8)  # one set
    for i in range(9):
        mac_learn(table, 0, 0x020000000000 + i, i + 1, i * 2 * SECOND)
    found = [mac_lookup(table, 0, 0x020000000000 + i, 20 * SECOND) for i in range(9)]
    assert found == [-1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert (table.state[M_COUNT], table.state[M_EVICTED]) == (8, 1)


def test_an_address_that_keeps_sending_does_not_age() -> None:
    table = make_macs(64, 10.0)
    for second in range(100):
        mac_learn(table, 7, 0x020000000001, 3, second * SECOND)
    assert mac_lookup(table, 7, 0x020000000001, 99 * SECOND) == 3
    assert mac_lookup(table, 7, 0x020000000001, 111 * SECOND) == -1


def test_a_moved_address_is_found_at_its_new_port_at_once() -> None:
    table = make_macs(64)
    mac_learn(table, 0, 0x020000000001, 1, SECOND)
    mac_learn(table, 0, 0x020000000001, 2, SECOND)
    assert mac_lookup(table, 0, 0x020000000001, SECOND) == 2
    assert (table.state[M_COUNT], table.state[M_MOVED]) == (1, 1)


def test_flush_of_all_and_expiry_tell_how_many() -> None:
    table = make_macs(1024)
    for i in range(100):
        mac_learn(table, 0, 0x020000000000 + i * 65537, 1 + i % 4, SECOND)
    assert mac_flush(table, 2) == 25
    mac_learn(table, 0, 0x020000000000, 1, 301 * SECOND)
    assert mac_expire(table, 320 * SECOND) == 74
    assert mac_flush(table, ALL_MACS) == 1


@given(st.integers(0, 2**48 - 1) | st.integers(0x0180C1FFFFF0, 0x0180C2000030))
def test_reserved_multicast_is_the_sixteen_of_802_1q(mac: int) -> None:
    text = mac.to_bytes(6, "big").hex("-")
    assert is_reserved_multicast(mac) == (text[:-1] == "01-80-c2-00-00-0")


def test_workers_that_learn_at_once_lose_nothing() -> None:
    table = make_macs(4096)
    mac_learn(table, 0, 2, 1, 0)  # compiled before the threads start

    def work(port: int) -> None:
        for i in range(300):
            mac_learn(table, port, 0x020000000000 + i * 257, port, SECOND)

    workers = [threading.Thread(target=work, args=(port,)) for port in (1, 2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    found = {mac_lookup(table, port, 0x020000000000 + i * 257, SECOND) == port for port in (1, 2) for i in range(300)}
    assert found == {True}
    assert table.state[M_COUNT] == 601
