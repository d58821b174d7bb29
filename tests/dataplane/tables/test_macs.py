from __future__ import annotations

from triplane.dataplane.kernels.macs import mac_learn, mac_lookup
from triplane.dataplane.tables.macs import MacTable

SECOND = 10**9
START = 1000 * SECOND


def learnt() -> MacTable:
    table = MacTable(capacity=64)
    mac_learn(table.arrays, 0, 0x020000000002, 2, START)
    mac_learn(table.arrays, 10, 0x020000000001, 1, START + SECOND)
    return table


def test_entries_tell_vlan_address_port_and_age() -> None:
    first, second = learnt().entries(START + 5 * SECOND)
    assert first[:3] == (0, "02:00:00:00:00:02", 2)
    assert second[:3] == (10, "02:00:00:00:00:01", 1)
    assert [round(entry.age, 1) for entry in (first, second)] == [5.0, 4.0]


def test_flushing_a_port_leaves_the_others() -> None:
    table = learnt()
    assert table.flush(2) == 1
    assert mac_lookup(table.arrays, 0, 0x020000000002, START) == -1
    assert mac_lookup(table.arrays, 10, 0x020000000001, START + SECOND) == 1
    assert table.flush() == 1
    assert table.entries(START) == []


def test_expiry_is_counted() -> None:
    table = learnt()
    assert table.expire(START + 300 * SECOND + SECOND // 2) == 1
    assert table.counters() == {"entries": 1, "learned": 2, "moved": 0, "evicted": 0, "expired": 1, "flushed": 0}
