"""`import ryu...` in this process: our runtime and OpenFlow classes, and os-ken's libraries around them.

Ryu itself does not install on a current Python. The finder that `install` adds answers for modules below `ryu`:
those of `OURS` are ours; the others below `ryu.lib`, and the few of `THEIRS`, are os-ken's under Ryu's name, the same
module object. Packages are made here, so that their submodules come to the finder too.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

_RUNTIME = "triplane.controller.runtime"
_OPENFLOW = "triplane.dataplane.openflow"
OURS = {
    "ryu.base.app_manager": f"{_RUNTIME}.manager",
    "ryu.controller.controller": f"{_RUNTIME}.datapath",
    "ryu.controller.event": f"{_RUNTIME}.event",
    "ryu.controller.handler": f"{_RUNTIME}.handler",
    "ryu.controller.ofp_event": f"{_RUNTIME}.ofp_event",
    "ryu.controller.ofp_handler": f"{_RUNTIME}.openflow",
    "ryu.lib.hub": f"{_RUNTIME}.hub",
    "ryu.ofproto.ofproto_common": f"{_OPENFLOW}.ofproto_common",
    "ryu.ofproto.ofproto_parser": f"{_OPENFLOW}.ofproto_parser",
    "ryu.ofproto.ofproto_v1_3": f"{_OPENFLOW}.ofproto_v1_3",
    "ryu.ofproto.ofproto_v1_3_parser": f"{_OPENFLOW}.ofproto_v1_3_parser",
}
THEIRS = {
    "ryu.ofproto.ether": "os_ken.ofproto.ether",
    "ryu.ofproto.inet": "os_ken.ofproto.inet",
}
PACKAGES = {"ryu", "ryu.base", "ryu.controller", "ryu.ofproto", "ryu.lib"}
NEEDS_OS_KEN = "it comes from os-ken, which is not installed: pip install 'triplane[controller]'"


def target_of(name: str) -> str | None:
    """The module that stands for `name`; None if none does."""
    if name in OURS:
        return OURS[name]
    if name in THEIRS:
        return THEIRS[name]
    return f"os_ken{name[3:]}" if name.startswith("ryu.lib.") else None


def _spec_of(name: str, target: str) -> importlib.machinery.ModuleSpec | None:
    try:
        return importlib.util.find_spec(target)
    except ModuleNotFoundError:
        if importlib.util.find_spec("os_ken") is None:
            raise ModuleNotFoundError(f"{name}: {NEEDS_OS_KEN}", name=name) from None
        raise


class _Package(ModuleType):
    """A package of Ryu. What is not a submodule of it is looked for in the package it stands for."""

    def __getattr__(self, name: str) -> Any:
        target = target_of(self.__name__)
        if target is None or name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(target), name)


class _Loader(importlib.abc.Loader):
    """Hands out a module that stands for another, or makes a package."""

    def __init__(self, target: str | None) -> None:
        self._target = target
        self._spec: importlib.machinery.ModuleSpec | None = None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        if self._target is None:
            return _Package(spec.name)
        module = importlib.import_module(self._target)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        if self._spec is not None:
            module.__spec__ = self._spec  # the import system has put the alias's there


class RyuFinder(importlib.abc.MetaPathFinder):
    """Finds modules below `ryu`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] != "ryu":
            return None
        if fullname in PACKAGES:
            return importlib.machinery.ModuleSpec(fullname, _Loader(None), is_package=True)
        found = target_of(fullname)
        spec = _spec_of(fullname, found) if found else None
        if spec is None or found is None:
            return None
        if spec.submodule_search_locations is not None:
            return importlib.machinery.ModuleSpec(fullname, _Loader(None), is_package=True)
        return importlib.machinery.ModuleSpec(fullname, _Loader(found))


def install() -> None:
    """Answer `import ryu` in this process from now on. An installed Ryu is not used."""
    if not any(isinstance(finder, RyuFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, RyuFinder())
