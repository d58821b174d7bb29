"""`time` as a script sees it: `time.sleep` is `hub.sleep`, which gives up the app's turn and can be killed.

In `ryu-manager` it was eventlet's, for all modules. Here `time` stays as it is, for everybody: only the globals of an
app's module, and of those beside it that it imports, get another. A function's own `import time` is not seen.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

from triplane.controller.runtime import hub

LIBRARIES = {"site-packages", "dist-packages"}  # folders of what is no script's
TIME = ModuleType("time", time.__doc__)
TIME.__dict__.update({**vars(time), "sleep": hub.sleep})


def give(app: ModuleType, imported: Iterable[str]) -> None:
    """Have an app's module sleep in the hub, and those of the modules `imported` that stand beside it or below."""
    for module in (app, *_beside(app, imported)):
        names = vars(module)
        for name, value in tuple(names.items()):
            if value is time:
                names[name] = TIME
            elif value is time.sleep:
                names[name] = hub.sleep


def _beside(app: ModuleType, imported: Iterable[str]) -> Iterator[ModuleType]:
    folder = _file(app).parent
    for name in imported:
        module = sys.modules.get(name)
        if (
            isinstance(module, ModuleType)
            and folder in (file := _file(module)).parents
            and not LIBRARIES & {*file.parts}
        ):
            yield module


def _file(module: ModuleType) -> Path:
    return Path(getattr(module, "__file__", None) or "/").resolve()
