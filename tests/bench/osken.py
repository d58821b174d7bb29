"""os-ken as a controller: `python -m tests.bench.osken PORT SCRIPT`. Its own manager command is gone since Ryu's days.

`ryu` is os_ken under another name here, as plain as can be, so that scripts for Ryu run unmodified. Threads are native
ones, as is os-ken's default since 4.0.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import logging
import sys
from collections.abc import Sequence
from types import ModuleType


class Alias(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """`ryu.x` is `os_ken.x`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        ours = fullname.partition(".")[0] == "ryu"
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True) if ours else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return importlib.import_module("os_ken" + spec.name[3:])

    def exec_module(self, module: ModuleType) -> None:
        """It is loaded."""


def main(port: str, script: str) -> None:
    sys.meta_path.insert(0, Alias())
    from os_ken import cfg
    from os_ken.base import app_manager
    from os_ken.controller import controller  # noqa: F401  # registers the options
    from os_ken.lib import hub

    logging.basicConfig(level=logging.INFO)
    cfg.CONF(["--ofp-listen-host", "127.0.0.1", "--ofp-tcp-listen-port", port], project="os_ken", prog="osken")
    app_manager.RyuApp = app_manager.OSKenApp  # renamed
    manager = app_manager.AppManager.get_instance()
    manager.load_apps([script, "os_ken.controller.ofp_handler"])
    services = manager.instantiate_apps(**manager.create_contexts())
    print("ready", flush=True)
    hub.joinall(services)


if __name__ == "__main__":
    main(*sys.argv[1:])
