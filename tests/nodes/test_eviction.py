"""A flow table that is full, on the real command: OpenFlow 1.4's eviction."""

from pathlib import Path

import pytest

from tests.nodes.plant import plant


def test_a_full_table_evicts_and_refuses(run_dir: Path) -> None:
    with plant(run_dir, "packet", "tap", "--table-size", "2") as small:
        for port in (1, 2):
            small.ofctl("add-flow", f"in_port={port},importance={port},actions=drop", version="OpenFlow14")
        small.ofctl("mod-table", "0", "evict", version="OpenFlow14")
        small.ofctl("add-flow", "in_port=3,importance=5,actions=drop", version="OpenFlow14")
        left = small.ofctl("dump-flows", "--no-stats", version="OpenFlow14")
        assert ("in_port=1" in left, "importance=2" in left, "importance=5" in left) == (False, True, True)
        small.ofctl("mod-table", "0", "noevict", version="OpenFlow14")
        with pytest.raises(AssertionError, match="OFPFMFC_TABLE_FULL"):
            small.ofctl("add-flow", "in_port=4,importance=9,actions=drop", version="OpenFlow14")
