"""Ryu's own unit tests, against our runtime and codec."""
