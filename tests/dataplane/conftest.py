"""A forwarder to send packets through. Worker threads run compiled code only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.dataplane.forwarder import Forwarder
from triplane.dataplane.kernels.compiler import INTERPRETED

collect_ignore = ["test_workers.py"] if INTERPRETED else []


@pytest.fixture
def node() -> Iterator[Forwarder]:
    """All its frames must be back in the pool at the end."""
    forwarder = Forwarder()
    yield forwarder
    forwarder.assert_no_frame_lost()
    forwarder.close()
