"""Finds and imports apps: files or module names."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import logging
import sys
import traceback
from pathlib import Path
from types import ModuleType

from triplane.controller.compat import source
from triplane.controller.runtime import script_time
from triplane.controller.runtime.app import RyuApp

log = logging.getLogger(__name__)

_HERE = str(Path(__file__).parents[1])  # our own files, below which no app's error begins


class AppError(Exception):
    """An app cannot be loaded or started: which, why, and what to do about it."""


def is_file(name: str) -> bool:
    """An app's name is a file's if it ends in .py, has a slash or begins with a dot, else a module's."""
    return name.endswith(".py") or "/" in name or name.startswith(".")


def is_app(name: str) -> bool:
    """Does a word name something that can be imported as an app?"""
    if is_file(name):
        return Path(name).is_file()
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def import_app(name: str, what: str = "app") -> ModuleType:
    """The module of an app, or of what else is named so in messages. Raises AppError."""
    known = set(sys.modules)
    try:
        module = _import_file(Path(name), what) if is_file(name) else importlib.import_module(name)
        script_time.give(module, set(sys.modules) - known)
        return module
    except SyntaxError as error:
        raise AppError(f"{what} {name}: {error.filename}:{error.lineno}: {error.msg}") from error
    except AppError:
        raise
    except Exception as error:
        raise AppError(f"{what} {name}: {_told(name, error)}") from error


def _told(name: str, error: Exception) -> str:
    """What went wrong and where. How the app came there is logged, unless it is an import that failed."""
    places = [place for place in traceback.extract_tb(error.__traceback__) if not _is_machinery(place.filename)]
    where = f"{places[-1].filename}:{places[-1].lineno}: " if places else ""
    if isinstance(error, ModuleNotFoundError) and error.name == name.partition(".")[0] and not is_file(name):
        return f"{error}; a file is named with its .py" if not where else f"{where}{error}"
    if isinstance(error, ImportError):
        return f"{where}{error}"
    log.error("app %s: failed to be imported", name, exc_info=error)
    return f"{where}{type(error).__name__}: {error}"


def _is_machinery(filename: str) -> bool:
    return filename.startswith((_HERE, "<frozen importlib")) or filename == importlib.__file__


def _import_file(path: Path, what: str) -> ModuleType:
    if not path.is_file():
        raise AppError(f"{what} {path}: {'it is a folder, not a file' if path.is_dir() else 'no such file'}")
    name = source.add_app(path)
    if name is not None:
        return importlib.import_module(name)  # others import it under this name
    if str(path.parent.resolve()) not in sys.path:
        sys.path.append(str(path.parent.resolve()))  # the app's own modules stand beside it, and hide no other
    name = _module_name(path)
    known = sys.modules.get(name)
    return execute(name, path) if known is None else known


def _module_name(path: Path) -> str:
    """That of the file, unless it is another module's: a script may be called `ryu.py`, `queue.py`, or as another."""
    name = path.stem
    while name.isidentifier() and not _is_free(name, path):
        name += "_app"
    return name


def _is_free(name: str, path: Path) -> bool:
    """Is a module of this name the file itself, or none at all?"""
    known = sys.modules.get(name)
    if known is not None:
        return Path(getattr(known, "__file__", None) or ".").resolve() == path.resolve()
    spec = importlib.util.find_spec(name)
    return spec is None or Path(spec.origin or ".").resolve() == path.resolve()


def execute(name: str, path: Path) -> ModuleType:
    """Run a file as module `name`, anew if there was one; what it raises leaves the old one in place."""
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise AppError(f"app {path}: not a Python file")
    module, old = importlib.util.module_from_spec(spec), sys.modules.get(name)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if old is None:
            del sys.modules[name]
        else:
            sys.modules[name] = old
        raise
    return module


def app_class(module: ModuleType) -> type[RyuApp] | None:
    """The app that a module defines; the first by name if there are more, as in Ryu."""
    found = inspect.getmembers(
        module, lambda cls: inspect.isclass(cls) and issubclass(cls, RyuApp) and cls.__module__ == module.__name__
    )
    return found[0][1] if found else None
