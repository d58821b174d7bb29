"""`import triplane.controller.ryu`: from then on this process imports `ryu` and `os_ken` from here.

For launchers and scripts that Python runs itself, `triplane controller` does it alone. It stands above all imports of
Ryu, and a comment keeps formatters from sorting it below them:

    import triplane.controller.ryu  # isort: split
    import sys
    from ryu.cmd import manager

    sys.argv = ["ryu-manager", "--verbose", "app.py"]
    manager.main()

Where an IDE runs a module, `python -m triplane.controller.ryu --verbose app.py` is Ryu's `python -m ryu.cmd.manager`.
"""

from __future__ import annotations

import importlib

from triplane.controller import compat

compat.install()

if __name__ == "__main__":
    importlib.import_module("ryu.cmd.manager").main()
