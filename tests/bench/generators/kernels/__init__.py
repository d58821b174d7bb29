"""Compiled parts of generators."""
