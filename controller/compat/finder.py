"""The finder behind `import ryu...` and `import os_ken...`.

A module that stands for another is that module, the same object under a second name. So no class exists twice, and
`isinstance` holds between scripts written for Ryu, those written for os-ken, and os-ken's own libraries.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.metadata
import importlib.util
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from triplane.controller.compat import source
from triplane.controller.compat.names import ALTERED, MENDED, NOT_SHARED, PACKAGES, STAND_INS, ours

RYU_VERSION = (4, 34)  # whose behaviour is offered here
NEEDS_OS_KEN = "it comes from os-ken, which is not installed: pip install 'triplane[controller]'"
NO_EVENTLET = "there is no eventlet here, apps run in threads: ryu.lib.hub has spawn, sleep, Queue, Timeout ..."
Spec = importlib.machinery.ModuleSpec


class Package(ModuleType):
    """A package of Ryu. What it lacks is looked for in os-ken's."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        if name == "ryu":
            self.version_info = RYU_VERSION
            self.version = self.__version__ = ".".join(map(str, RYU_VERSION))

    def __getattr__(self, name: str) -> Any:
        _, _, rest = self.__name__.partition(".")
        if name.startswith("__") or not rest or importlib.util.find_spec("os_ken") is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"os_ken.{rest}"), name)


class PackageLoader(importlib.abc.Loader):
    """Makes a package."""

    def create_module(self, spec: Spec) -> ModuleType:
        return Package(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run."""


class Version(str):
    """`from os_ken import version`, which os-ken has lost but imports itself; a module may be any object."""


class VersionLoader(PackageLoader):
    def create_module(self, spec: Spec) -> Any:
        return Version(importlib.metadata.version("os-ken"))


class Alias(importlib.abc.Loader):
    """Hands out a module under another name."""

    def __init__(self, target: str) -> None:
        self._target = target

    def create_module(self, spec: Spec) -> ModuleType:
        module = importlib.import_module(self._target)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec  # the import system has put the alias's there
        if self._target.startswith("os_ken."):
            _add_ryu_names(module)


class Altered(importlib.abc.Loader):
    """Loads a module as `loader` does, then gives it other globals."""

    def __init__(self, loader: importlib.abc.Loader, names: dict[str, str]) -> None:
        self._loader, self._names = loader, names

    def create_module(self, spec: Spec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        for name, target in self._names.items():
            module.__dict__[name] = importlib.import_module(target)
        if module.__name__ in MENDED:
            importlib.import_module(MENDED[module.__name__]).mend(module)


def _altered(fullname: str, path: Sequence[str] | None) -> Spec | None:
    spec = importlib.machinery.PathFinder.find_spec(fullname, path)
    if spec is not None and spec.loader is not None:
        spec.loader = Altered(spec.loader, ALTERED.get(fullname, {}))
    return spec


def _add_ryu_names(module: ModuleType) -> None:
    """os-ken renamed what had Ryu in its name: RyuException is OSKenException there."""
    for name, value in tuple(vars(module).items()):
        if name != "os_ken" and ("OSKen" in name or "os_ken" in name):
            module.__dict__.setdefault(name.replace("OSKen", "Ryu").replace("os_ken", "ryu"), value)


class Finder(importlib.abc.MetaPathFinder):
    """Finds modules below `ryu`, and those below `os_ken` that ours replace. Lets nobody import eventlet."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Spec | None:
        root, _, name = fullname.partition(".")
        if root == "eventlet":
            raise ModuleNotFoundError(NO_EVENTLET, name=root)
        if root not in ("ryu", "os_ken"):
            return None
        if fullname == "os_ken.version":
            return Spec(fullname, VersionLoader())
        if fullname == "os_ken.cmd":  # os-ken has lost it, with its manager
            return Spec(fullname, None, is_package=True)
        found = ours(name)
        if found is not None:
            return Spec(fullname, Alias(found))
        if fullname in ALTERED or fullname in MENDED:
            return _altered(fullname, path)
        return _ryu(fullname, name) if root == "ryu" else None


def _ryu(fullname: str, name: str) -> Spec | None:
    if name in PACKAGES:
        package = Spec(fullname, PackageLoader(), is_package=True)
        package.submodule_search_locations = source.folders(name)
        return package
    if name.partition(".")[0] not in NOT_SHARED and _in_os_ken(fullname, f"os_ken.{name}"):
        return Spec(fullname, Alias(f"os_ken.{name}"))
    spec = _from_source(fullname, name)
    if spec is None and name in STAND_INS:
        return Spec(fullname, Alias(STAND_INS[name]))
    if spec is None and name.startswith("app."):
        # not named `fullname`: `from ryu.app import x` would pass over it and say less
        raise ModuleNotFoundError(f"No module named {fullname!r}: {source.HOW_TO_GET}", name="ryu.app")
    return spec


def _in_os_ken(fullname: str, target: str) -> bool:
    try:
        return importlib.util.find_spec(target) is not None
    except ModuleNotFoundError:
        if importlib.util.find_spec("os_ken") is None and not fullname.startswith("ryu.app."):
            raise ModuleNotFoundError(f"{fullname}: {NEEDS_OS_KEN}", name=fullname) from None
        return False


def _from_source(fullname: str, name: str) -> Spec | None:
    parent = name.rpartition(".")[0]
    return importlib.machinery.PathFinder.find_spec(fullname, source.folders(parent.replace(".", "/")))
