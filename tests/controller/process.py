"""`triplane controller` as a process, for tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import TracebackType

RUN = "import sys; from triplane.cli import main; sys.exit(main(sys.argv[1:]))"


def command(*words: str) -> list[str]:
    return [sys.executable, "-c", RUN, "controller", *words]


class Controller:
    """`with Controller(log, app, "--listen", ...) as controller`: serves inside, ends by SIGTERM."""

    def __init__(self, log: Path, *words: str) -> None:
        self.log = log
        self.words = words

    def __enter__(self) -> Controller:
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command(*self.words), stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        self.ready = self.process.stdout.readline().split()
        assert self.ready[:1] == ["ready"], self.log.read_text()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        self.process.terminate()
        try:
            return self.process.wait(10)
        finally:
            self.process.kill()
