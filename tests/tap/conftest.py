"""Ports reach raw memory and libc, which plain Python cannot: their tests are for compiled runs."""

from triplane.dataplane.kernels.compiler import INTERPRETED

COMPILED_ONLY = ["test_xdp.py", "kernels/test_partial.py"]
collect_ignore = COMPILED_ONLY if INTERPRETED else []
