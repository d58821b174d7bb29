"""The processes that are measured or help to: started in namespaces, stopped between their turns, ended at the end."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from triplane.lab.processes import die_with_parent
from triplane.tap.namespaces import path_of

READY_SECONDS = 600.0  # a first start compiles
END_SECONDS = 5.0
CPUS = sorted(os.sched_getaffinity(0))
DEVICE_CPU, SOURCE_CPU = CPUS[0], CPUS[-1]  # of the forwarder and of the generator
TICKS = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """Why something cannot be measured, in one line."""


def in_netns(netns: str | None) -> list[str]:
    return ["nsenter", f"--net={path_of(netns)}"] if netns else []


def run(*words: str, netns: str | None = None, timeout: float = 30.0, stdin: str | None = None) -> str:
    """What a command prints. BenchError if it fails or takes longer."""
    command = [*in_netns(netns), *words]
    try:
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{' '.join(words)}: not done after {timeout:.0f} s") from error
    except OSError as error:
        raise BenchError(f"{words[0]}: {error.strerror}") from error
    if done.returncode != 0:
        raise BenchError(f"{' '.join(words)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


class Program:
    """A process in the background, in a session of its own, so that Ctrl-C does not reach it before its time."""

    def __init__(
        self,
        words: Sequence[str],
        log: Path,
        netns: str | None = None,
        cpu: int | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        pin = [] if cpu is None else ["taskset", "-c", str(cpu)]
        self.name, self.log, self.stopped = Path(words[0]).name, log, False
        with log.open("wb") as stream:
            self.child = subprocess.Popen(
                [*in_netns(netns), *pin, *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stream,
                env=None if env is None else {**os.environ, **env},
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509  the bench has no threads when it starts processes
            )

    @property
    def pid(self) -> int:
        return self.child.pid

    def complaint(self) -> str:
        """The last it logged."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"status {self.child.returncode}"

    def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        """Until it printed a line that starts with `ready`; BenchError when it ends before, or is too slow."""
        assert self.child.stdout is not None
        deadline, said = time.monotonic() + seconds, b""
        with selectors.DefaultSelector() as selector:
            selector.register(self.child.stdout, selectors.EVENT_READ)
            while b"ready" not in said:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise BenchError(f"{self.name} was not ready after {seconds:.0f} s: {self.complaint()}")
                chunk = os.read(self.child.stdout.fileno(), 4096)
                if not chunk:
                    self.child.wait()
                    raise BenchError(f"{self.name} ended: {self.complaint()} {said.decode(errors='replace')}")
                said += chunk

    def pause(self) -> None:
        self.child.send_signal(signal.SIGSTOP)
        self.stopped = True

    def resume(self) -> None:
        self.child.send_signal(signal.SIGCONT)
        self.stopped = False

    def end(self) -> None:
        """SIGTERM, then SIGKILL; nothing that it started stays either."""
        self.child.terminate()
        if self.stopped:
            self.resume()
        try:
            self.child.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        if self.child.stdout is not None:
            self.child.stdout.close()

    def cpu_seconds(self) -> float:
        """User and system time so far (proc(5), stat)."""
        words = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) / TICKS

    def resident(self) -> int:
        """Bytes of memory that are in use (proc(5), statm)."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
