"""`import ryu...` and `import os_ken...` in this process: our runtime and OpenFlow classes, os-ken's libraries on top.

Ryu itself does not install on a current Python. `install` adds a finder that answers for all of Ryu's modules:
those that `names` calls ours are ours, also for os-ken's own modules; the others are os-ken's; and Ryu's apps come
from Ryu's source, if the user has it.
"""

from __future__ import annotations

import builtins
import sys

from triplane.controller.compat.finder import Finder
from triplane.controller.compat.names import ours


def install() -> None:
    """Answer `import ryu` and `import os_ken` in this process from now on. An installed Ryu is not used.

    Raises RuntimeError if Ryu, or a module of os-ken that ours replaces, has been imported already: its classes would
    be there twice.
    """
    if any(isinstance(finder, Finder) for finder in sys.meta_path):
        return
    if "ryu" in sys.modules:
        raise RuntimeError("ryu was imported before triplane.controller.ryu, which must stand above it")
    early = [name for name in sys.modules if name.startswith("os_ken.") and ours(name.partition(".")[2])]
    if early:
        raise RuntimeError(f"os-ken was imported before triplane.controller.compat.install(): {', '.join(early)}")
    sys.meta_path.insert(0, Finder())
    builtins.__dict__.setdefault("buffer", memoryview)  # Python 2's name; three of Ryu's own apps still call it
