"""Compiled, pure: parse, classify, act, segment. Nothing here does I/O or allocates."""
