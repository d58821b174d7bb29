"""Ryu's own apps, unmodified, against both kinds of switch."""

from __future__ import annotations

import pytest

from tests.controller.plant import KINDS


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of switch that a test runs against."""
    return str(request.param)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that wait for spanning trees come first, each before a short one: workers get tests by the pair."""
    slow = [item for item in items if item.path.name == "test_stp.py"]
    others = [item for item in items if item.path.name != "test_stp.py"]
    pairs = zip(slow, others, strict=False)
    first = [item for pair in pairs for item in pair]
    items[:] = first + [item for item in [*slow, *others] if item not in first]
