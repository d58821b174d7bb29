"""Faucet, an OpenFlow controller of other people, as a process; pip fetches it, nothing of it is kept here."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType

PACKAGE = "faucet==1.10.12"
LOCK = Path(__file__).with_name("faucet.lock")
ADDRESS = "tcp:127.0.0.1:6653"
PATIENCE = 30  # seconds that its end may take


def install(cache: Path) -> Path:
    """The folder of its commands, in a virtual environment in `cache`: it wants other libraries than we do."""
    done = cache / "installed"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = PACKAGE + LOCK.read_text()
        if not done.exists() or done.read_text() != wanted:
            shutil.rmtree(cache / "venv", ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(cache / "venv")], check=True)
            words = ["install", "--quiet", "--disable-pip-version-check", "--constraint", str(LOCK), PACKAGE]
            subprocess.run([str(cache / "venv/bin/python"), "-m", "pip", *words], check=True)
            done.write_text(wanted)
    return cache / "venv/bin"


class Faucet:
    """`with Faucet(commands, netns, folder, config)`: runs inside, at `ADDRESS` of the namespace.

    When it ends it must not have met an error of its own or of a switch.
    """

    def __init__(self, commands: Path, netns: str, folder: Path, config: str) -> None:
        self.log, self.trouble = folder / "faucet.log", folder / "exceptions.log"
        (folder / "faucet.yaml").write_text(config)
        self.words = ["ip", "netns", "exec", netns, "faucet", "--ryu-ofp-listen-host=127.0.0.1"]
        self.env = os.environ | {
            "PATH": f"{commands}:{os.environ['PATH']}",
            "FAUCET_CONFIG": str(folder / "faucet.yaml"),
            "FAUCET_LOG": str(self.log),
            "FAUCET_EXCEPTION_LOG": str(self.trouble),
            "FAUCET_PROMETHEUS_ADDR": "127.0.0.1",
            "FAUCET_PROMETHEUS_PORT": "0",
        }
        self.env.pop("PYTHONPATH", None)

    def __enter__(self) -> Faucet:
        self.process = subprocess.Popen(self.words, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ended_before = self.process.poll() is not None
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        finally:
            self.process.kill()
        said = self.log.read_text() if self.log.exists() else ""
        trouble = self.trouble.read_text() if self.trouble.exists() else ""
        if error is not None:
            print(said, trouble)  # pytest shows it with the failure
            return
        assert not ended_before
        assert not trouble, trouble
        assert "OFError" not in said, said
