"""Triplane: a network element in Python with its three planes kept apart."""

__version__ = "0.1.0"
