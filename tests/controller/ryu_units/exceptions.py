"""Ryu's unit tests that do not pass, and why: patterns of their names."""

EXCEPTIONS: dict[str, str] = {}
