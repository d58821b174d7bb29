"""Worker threads run compiled code only."""

from triplane.dataplane.kernels.compiler import INTERPRETED

collect_ignore = ["test_workers.py"] if INTERPRETED else []
