"""Processes, ports and kernels: tests for compiled runs."""

from pathlib import Path

import pytest

from triplane.dataplane.kernels.compiler import INTERPRETED

collect_ignore = (
    [
        "test_dataplane.py",
        "test_failover.py",
        "test_links_at_run_time.py",
        "test_nicira_traffic.py",
        "test_ovs_ofctl.py",
        "test_show.py",
        "test_traffic.py",
    ]
    if INTERPRETED
    else []
)


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """Where the dataplane has its sockets."""
    return tmp_path / "run"
