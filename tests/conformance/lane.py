"""One lane: a namespace that holds the target, the tester (Open vSwitch) and three links between them."""

from __future__ import annotations

import ctypes
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.conformance.results import Result
from tests.conformance.suite import SuiteFile

SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")
CONTROLLER_PORT = 6653
LINKS = (1, 2, 3)
TARGET, TESTER = 1, 2  # datapath ids
STOP_SECONDS = 5.0
SYS_PIDFD_GETFD = 438  # the same on every architecture
SO_RCVBUFFORCE = 33  # asm-generic/socket.h
RECEIVE_BUFFER = 16 << 20  # bytes
LIBC = ctypes.CDLL(None, use_errno=True)
FIRST = ["nice", "--adjustment=-10"]  # before other lanes
OFFLOADS = ["tx", "off", "rx", "off", "gro", "off", "gso", "off", "tso", "off"]  # checksums are compared


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds, and how often a wrong rate is measured again; see the options of the same names."""

    duration: float
    settle: float
    miss_wait: float
    wait: float
    repeats: int


def command(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, text=True)


@contextmanager
def namespace(name: str) -> Iterator[list[str]]:
    """A fresh network namespace; yields the words that run a command in it."""
    command("ip", "netns", "add", name)
    try:
        command("ip", "-n", name, "link", "set", "lo", "up")
        yield ["ip", "netns", "exec", name]
    finally:
        command("ip", "netns", "del", name)


@contextmanager
def process(
    words: Sequence[str], log: IO[bytes], environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A child in a session of its own, ended with all it started."""
    child = subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=environment
    )
    try:
        yield child
    finally:
        end(child)


def end(child: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if child.poll() is None:
            os.killpg(child.pid, number)
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue


def add_links(inside: list[str]) -> None:
    """veth links lbt1-lbs1 ...: t to the target, s to the tester; no address, nothing sent by the kernel itself."""
    for number in LINKS:
        ends = (f"lbt{number}", f"lbs{number}")
        command(*inside, "ip", "link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        for device in ends:
            command(*inside, "sysctl", "-qw", f"net.ipv6.conf.{device}.disable_ipv6=1")
            command(*inside, "ethtool", "-K", device, *OFFLOADS)
            command(*inside, "ip", "link", "set", device, "up")


def wait_for(what: str, ready: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise SystemExit(f"conformance: {what} did not come up in {seconds:.0f} s")
        time.sleep(0.05)


def borrow(pid: int, fd: int) -> socket.socket:
    """Our own descriptor of another process's socket (pidfd_getfd(2))."""
    owner = os.pidfd_open(pid)
    try:
        copied = LIBC.syscall(SYS_PIDFD_GETFD, owner, fd, 0)
    finally:
        os.close(owner)
    if copied < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot reach socket {fd} of process {pid}: {os.strerror(number)}")
    return socket.socket(fileno=copied)


def widen_receive_buffers(pid: int) -> None:
    """Let a process's packet sockets hold thousands of frames: Open vSwitch leaves them at some 90 of 1500 bytes."""
    for path in Path(f"/proc/{pid}/fd").iterdir():
        if os.readlink(path).startswith("socket:"):
            with borrow(pid, int(path.name)) as found:
                if found.family == socket.AF_PACKET:
                    found.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)


class OpenVSwitch:
    """A private Open vSwitch in user space: database and daemon in a folder and namespace of their own."""

    def __init__(self, inside: list[str], folder: Path, version: str) -> None:
        self.inside, self.folder, self.version = inside, folder, version
        self.environment = {
            **os.environ,
            **{name: str(folder) for name in ("OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR", "OVS_SYSCONFDIR")},
        }

    @contextmanager
    def running(self, log: IO[bytes]) -> Iterator[OpenVSwitch]:
        database, control = self.folder / "conf.db", self.folder / "db.sock"
        command("ovsdb-tool", "create", str(database), str(SCHEMA))
        server = ["ovsdb-server", str(database), f"--remote=punix:{control}", f"--unixctl={self.folder}/ovsdb.ctl"]
        daemon = ["ovs-vswitchd", f"unix:{control}", "--disable-system", f"--unixctl={self.folder}/vswitchd.ctl"]
        with process([*self.inside, *server], log, self.environment):
            wait_for("ovsdb-server", control.exists)
            self.vsctl("--no-wait", "init")
            with process([*self.inside, *daemon], log, self.environment) as self.daemon:
                yield self

    def vsctl(self, *words: str) -> None:
        full = ["ovs-vsctl", f"--db=unix:{self.folder}/db.sock", "-t", "60", *words]
        done = subprocess.run(full, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"conformance: {' '.join(words)}: {done.stderr.strip()}")

    def add_bridge(self, name: str, dpid: int, devices: Sequence[str]) -> None:
        settings = [
            "datapath_type=netdev",
            f"protocols=OpenFlow{self.version}",
            f"other-config:datapath-id={dpid:016x}",
            "other-config:disable-in-band=true",
            "fail-mode=secure",
        ]
        words = ["add-br", name, "--", "set", "bridge", name, *settings]
        for number, device in enumerate(devices, 1):
            words += ["--", "add-port", name, device, "--", "set", "interface", device, f"ofport_request={number}"]
        words += ["--", "set-controller", name, f"tcp:127.0.0.1:{CONTROLLER_PORT}"]
        words += [
            "--",
            "set",
            "controller",
            name,
            "max_backoff=1000",
            "inactivity_probe=0",
            "controller_rate_limit=1000000",
        ]
        self.vsctl(*words)


def listening(inside: list[str]) -> bool:
    shown = subprocess.run(
        [*inside, "ss", "-Hltn", f"sport = :{CONTROLLER_PORT}"], capture_output=True, text=True, check=True
    )
    return bool(shown.stdout.strip())


def target_words(template: str, folder: Path) -> list[str]:
    """The target's command line: {dpid} decimal, {dpid16} hex, {if1} {if2} {if3}, {controller}, {run_dir}."""
    values = {f"if{number}": f"lbt{number}" for number in LINKS}
    controller = f"127.0.0.1:{CONTROLLER_PORT}"
    return shlex.split(
        template.format(dpid=TARGET, dpid16=f"{TARGET:016x}", controller=controller, run_dir=folder, **values)
    )


class Lane:
    """Runs its share of the files; `run` returns when all are done."""

    def __init__(
        self, number: int, share: list[SuiteFile], target: str, version: str, timing: Timing, logs: Path
    ) -> None:
        self.name = f"conf{os.getpid()}-{number}"
        self.share, self.target, self.version, self.timing = share, target, version, timing
        self.log_path = logs / f"lane{number}.log"

    def run(self, python: str, tell: Callable[[Result], None]) -> None:
        folder = Path(tempfile.mkdtemp(prefix=f"{self.name}-"))
        with ExitStack() as stack:
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            log = stack.enter_context(self.log_path.open("ab", buffering=0))
            inside = stack.enter_context(namespace(self.name))
            add_links(inside)
            if any(file.heavy for file in self.share):
                inside = [*FIRST, *inside]
            switch = stack.enter_context(OpenVSwitch(inside, folder, self.version).running(log))
            switch.add_bridge("tester", TESTER, [f"lbs{number}" for number in LINKS])
            widen_receive_buffers(switch.daemon.pid)
            runner = stack.enter_context(self.runner(inside, python, folder, log))
            wait_for("the suite's controller", lambda: listening(inside) or runner.poll() is not None)
            if self.target:
                stack.enter_context(process([*inside, *target_words(self.target, folder)], log))
            else:
                switch.add_bridge("target", TARGET, [f"lbt{number}" for number in LINKS])
            assert runner.stdout is not None
            for line in runner.stdout:
                tell(Result(**json.loads(line)))
            if runner.wait():
                raise SystemExit(f"the suite's controller ended with status {runner.returncode}: see {self.log_path}")

    @contextmanager
    def runner(self, inside: list[str], python: str, folder: Path, log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
        listed = folder / "files"
        listed.write_text("\n".join(f"{file.path}\t{file.description}" for file in self.share))
        words = [*inside, python, "-m", "tests.conformance.runner", "--list", str(listed), "--version", self.version]
        words += ["--duration", str(self.timing.duration), "--settle", str(self.timing.settle)]
        words += ["--miss-wait", str(self.timing.miss_wait), "--wait", str(self.timing.wait)]
        words += ["--repeats", str(self.timing.repeats)]
        child = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True
        )
        try:
            yield child
        finally:
            end(child)


def run_all(lanes: list[Lane], python: str, tell: Callable[[Result], None]) -> list[str]:
    """All lanes at once; returns what went wrong with a lane itself, one line each."""
    troubles: list[str] = []

    def run_one(lane: Lane) -> None:
        try:
            lane.run(python, tell)
        except subprocess.CalledProcessError as error:
            troubles.append(f"{lane.name}: {' '.join(error.cmd)}: {error.stderr.strip()}")
        except (SystemExit, OSError) as error:
            troubles.append(f"{lane.name}: {error}")

    threads = [threading.Thread(target=run_one, args=(lane,)) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return troubles
