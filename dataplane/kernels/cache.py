"""Where compiled kernels are kept: one folder for each source file and all that it is made of.

numba's own cache asks only whether the caller's file changed, so an edited callee, constant or intrinsic elsewhere
would leave old code in use. Here the folder's name has a digest of the file, of every kernel file it imports,
directly or not, and of numba's version and flags: an edit makes new what depends on it, and nothing else.
"""
# mypy: disable-error-code="no-untyped-call,misc"

from __future__ import annotations

import hashlib
import os
import re
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core import caching

KEPT = 3  # folders of one source file: versions that are switched between
PACKAGE = Path(__file__).resolve().parents[2]
IMPORTS = re.compile(r"^\s*from triplane\.(\w+(?:\.\w+)*) import (\([^)]*\)|[^(\n]*)", re.MULTILINE)


def cache_root() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "triplane"


@cache  # each file is in the closures of many
def read(source: Path) -> tuple[bytes, list[Path]]:
    """A file, and the kernel files that it imports from: modules named, or members of a package that are modules."""
    content = source.read_bytes()
    found = []
    for package, names in IMPORTS.findall(content.decode()):
        folder = PACKAGE.joinpath(*package.split("."))
        modules = [folder / f"{name}.py" for name in re.findall(r"\w+", names)]
        found += [path for path in (folder.with_suffix(".py"), *modules) if path.is_file()]
    return content, found


def closure(source: Path) -> list[Path]:
    """The source and everything it imports, in order of name."""
    seen = {source}
    waiting = [source]
    while waiting:
        new = set(read(waiting.pop())[1]) - seen
        seen |= new
        waiting += new
    return sorted(seen)


@cache
def digest(source: Path, flags: str) -> str:
    """Of the source's closure and of what else decides the compiled code."""
    state = hashlib.sha256(repr((numba.__version__, flags, numba.config.BOUNDSCHECK)).encode())
    for path in closure(source):
        state.update(path.name.encode() + b"\0" + read(path)[0])
    return state.hexdigest()[:16]


def folder_of(source: Path, flags: str) -> Path:
    place = hashlib.sha256(str(source.parent).encode()).hexdigest()[:8]
    return cache_root() / f"{source.stem}-{place}-{digest(source, flags)}"


def prune(folder: Path) -> None:
    """Remove all but the newest folders of the same source file."""
    family = folder.name.rsplit("-", 1)[0]
    versions = sorted(folder.parent.glob(f"{family}-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in versions[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)  # another process may be at it too


class KernelLocator(caching._CacheLocator):
    """numba's question where a function's code is kept, answered with `folder_of`."""

    flags = ""

    def __init__(self, function: Any, file: str) -> None:
        self._line = function.__code__.co_firstlineno
        self._folder = folder_of(Path(file).resolve(), self.flags)

    def get_cache_path(self) -> str:
        return str(self._folder)

    def get_source_stamp(self) -> str:
        return self._folder.name

    def get_disambiguator(self) -> str:
        return str(self._line)

    @classmethod
    def from_function(cls, function: Any, file: str) -> KernelLocator | None:
        """None if the folder cannot be written: numba then looks for another place."""
        if not os.path.exists(file):
            return None
        locator = cls(function, file)
        fresh = not locator._folder.exists()
        try:
            locator.ensure_cache_path()
        except OSError:
            return None
        if fresh:
            prune(locator._folder)
        return locator


class KernelCacheImpl(caching.CompileResultCacheImpl):
    """Keeps what must be loaded before a function (see `apart`): numba forgets it for cfuncs, and once loaded."""

    def reduce(self, cres: Any) -> Any:
        return super().reduce(cres._replace(reload_init=list(cres.library._reload_init)))

    def rebuild(self, target_context: Any, payload: Any) -> Any:
        cres = super().rebuild(target_context, payload)
        cres.library._reload_init.update(cres.reload_init)
        return cres


def install(flags: dict[str, object]) -> None:
    """Have numba keep everything it caches in this process that way."""
    KernelLocator.flags = repr(sorted(flags.items()))
    locators = caching.CacheImpl._locator_classes
    if KernelLocator not in locators:
        locators.insert(0, KernelLocator)
    caching.FunctionCache._impl_class = KernelCacheImpl
