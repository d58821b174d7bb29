"""Where files of Ryu itself are, if the user has them: its apps import each other as `ryu.app.NAME`.

Triplane ships none of Ryu's apps. They are taken from a `ryu` folder: the one that an app on the command line lies
in, else one on `sys.path` (an unpacked source package on PYTHONPATH, or an installed Ryu).
"""

from __future__ import annotations

import sys
from pathlib import Path

HOW_TO_GET = (
    "it is an app that comes with Ryu, which must be on PYTHONPATH as source "
    "(git clone --branch v4.34 https://github.com/faucetsdn/ryu ryu-4.34; PYTHONPATH=ryu-4.34)"
)
_given: list[Path] = []


def add_app(path: Path) -> str | None:
    """Take note of an app's file; its module's name if it lies in a Ryu source, such as ryu.app.simple_switch."""
    folder = path.resolve().parent
    for root in folder.parents:
        if root.name == "ryu" and (root / "app").is_dir() and (root / "__init__.py").is_file():
            if root not in _given:
                _given.append(root)
            return ".".join(("ryu", *folder.relative_to(root).parts, path.stem))
    return None


def folders(package: str = "") -> list[str]:
    """Folders of a package of Ryu (`app`; empty: Ryu itself) in all sources, best first."""
    roots = [*_given, *(Path(entry or ".") / "ryu" for entry in sys.path)]
    found = [root / package if package else root for root in roots if (root / "__init__.py").is_file()]
    return list(dict.fromkeys(str(folder) for folder in found if folder.is_dir()))
