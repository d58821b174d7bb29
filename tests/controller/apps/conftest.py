"""Ryu's own apps, unmodified, against both kinds of switch."""

from __future__ import annotations

import pytest

from tests.controller.plant import KINDS


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of switch that a test runs against."""
    return str(request.param)
