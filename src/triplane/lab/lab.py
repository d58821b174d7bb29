"""A running lab: builds what a topology says, and takes all of it away again, whatever happens in between."""

from __future__ import annotations

import fcntl
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from triplane.control_client import ask
from triplane.lab import network
from triplane.lab.network import LabError
from triplane.lab.processes import Process
from triplane.lab.topology import Host, Link, Switch, Topology
from triplane.nodes.options import default_run_dir

KINDS = ("packet", "tap", "xdp")
DEFAULT_APP = "triplane.controller.apps.learning_switch"
DEFAULT_PREFIX = "lab-"
CONNECTED_SECONDS = 20.0  # on a busy machine
PROGRAMMED_SECONDS = 3.0
POLL_SECONDS = 0.02
QUIETED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class LabOptions:
    """How a topology becomes a lab."""

    kind: str = "packet"  # of the ports that hosts are at; trunks are `packet` where this is `tap`
    prefix: str = DEFAULT_PREFIX  # of the namespaces' names
    apps: list[str] = field(default_factory=lambda: [DEFAULT_APP])
    controllers: list[str] = field(default_factory=list)  # somebody else's; empty: the lab runs `apps`
    fail_mode: str = "secure"
    workers: int = 1
    loops: bool = False  # True: links that close a loop are up too
    openflow_port: int | None = None  # switch number n listens on 127.0.0.1, this + n - 1
    mtu: int | None = None


def wait(seconds: float, condition: Callable[[], bool]) -> None:
    """Until it is true, but no longer than that."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


class Lab:
    """Use it in a `with` statement: inside, the lab is up; after it, nothing of it is left."""

    def __init__(self, topology: Topology, options: LabOptions | None = None) -> None:
        self.topology = topology
        self.options = options or LabOptions()
        self.run_dir = default_run_dir() / f"{self.options.prefix}run"
        self.processes: dict[str, Process] = {}
        self._stack = ExitStack()

    # names

    def netns(self, name: str) -> str:
        return self.options.prefix + name

    def namespaces(self) -> list[str]:
        names = [host.name for host in self.topology.hosts] + [switch.name for switch in self.topology.switches]
        return [self.netns(name) for name in names]

    def switch_dir(self, switch: Switch) -> Path:
        return self.run_dir / switch.name

    def device(self, host: Host) -> str:
        """A host's network device: a tap keeps its port's name."""
        return host.name if self.options.kind == "tap" else network.HOST_DEVICE

    def host(self, name: str) -> Host | None:
        return next((host for host in self.topology.hosts if host.name == name), None)

    # up and down

    def __enter__(self) -> Lab:
        try:
            self._claim()
            self._build()
        except BaseException:
            self._take_down()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._take_down()

    def _take_down(self) -> None:
        """Undo everything; a second Ctrl-C must not leave half of it."""
        handlers = {number: signal.signal(number, signal.SIG_IGN) for number in QUIETED}
        try:
            self._stack.close()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def _claim(self) -> None:
        """Take the prefix: refuse when a lab of that name runs, clear up after one that was killed."""
        self.run_dir.mkdir(parents=True, exist_ok=True)
        state = self._stack.enter_context((self.run_dir / "namespaces").open("a+"))
        try:
            fcntl.flock(state, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LabError(f"a lab with --netns-prefix {self.options.prefix} runs already") from None
        self._stack.callback(shutil.rmtree, self.run_dir)
        state.seek(0)
        for netns in filter(network.exists, state.read().split()):
            network.delete_namespace(netns)
        for netns in filter(network.exists, self.namespaces()):
            raise LabError(f"there is a namespace {netns} already: choose another --netns-prefix")
        for switch in self.topology.switches:
            shutil.rmtree(self.switch_dir(switch), ignore_errors=True)
        state.truncate(0)
        print(*self.namespaces(), sep="\n", file=state, flush=True)

    def _build(self) -> None:
        for netns in self.namespaces():
            network.add_namespace(netns)
            self._stack.callback(network.delete_namespace, netns)
        for switch in self.topology.switches:
            network.silence(self.netns(switch.name))
        for link in self.topology.links:
            self._cable(link)
        if not self.options.controllers:
            self._start_controller()
        for switch in self.topology.switches:
            self._start_switch(switch)
        for switch in self.topology.switches:
            self.processes[switch.name].wait_ready()
        for link in [] if self.options.loops else self.topology.spare_links():
            network.set_state(*self._end(link, link.one), up=False)  # a switch brings its ports up when it starts
        for host in self.topology.hosts:
            network.address(host, self.netns(host.name), self.device(host))
        self._wait_programmed()

    def _is_tap(self, link: Link) -> bool:
        return self.options.kind == "tap" and any(host.name in link for host in self.topology.hosts)

    def _end(self, link: Link, name: str) -> tuple[str, str]:
        """Namespace and device of a link's end at `name`: a switch names its ports after their peers."""
        device = link.beyond(name) if self.host(name) is None else network.HOST_DEVICE
        return self.netns(name), device

    def _cable(self, link: Link) -> None:
        if self._is_tap(link):
            return
        ends = self._end(link, link.one), self._end(link, link.other)
        network.cable(*ends, mtu=self.options.mtu)
        for end in ends:
            network.set_state(*end, up=True)

    # processes

    def controller_addresses(self) -> list[str]:
        return self.options.controllers or [f"unix:{self.run_dir}/openflow.sock"]

    def port(self, switch: Switch, link: Link) -> str:
        """The --port argument of a switch's end of a link."""
        peer = link.beyond(switch.name)
        if not self._is_tap(link):
            return f"{peer}:{'packet' if self.options.kind == 'tap' else self.options.kind}"
        mtu = f",mtu={self.options.mtu}" if self.options.mtu else ""
        return f"{peer}:tap,netns={self.netns(peer)}{mtu}"

    def switch_words(self, switch: Switch) -> list[str]:
        words = ["dataplane", "--dpid", str(switch.dpid), "--netns", self.netns(switch.name)]
        for link in self.topology.links_of(switch.name):
            words += ["--port", self.port(switch, link)]
        for controller in self.controller_addresses():
            words += ["--controller", controller]
        if self.options.openflow_port is not None:
            number = self.options.openflow_port + self.topology.switches.index(switch)
            words += ["--listen", f"ptcp:{number}:127.0.0.1"]
        words += ["--fail-mode", self.options.fail_mode, "--workers", str(self.options.workers)]
        return [*words, "--run-dir", str(self.switch_dir(switch))]

    def _start(self, name: str, words: Sequence[str]) -> None:
        self.processes[name] = Process(name, words, self.run_dir / f"{name}.log")
        self._stack.callback(self.processes[name].stop)

    def _start_controller(self) -> None:
        listen = [word for address in self.controller_addresses() for word in ("--listen", address)]
        self._start("controller", ["controller", *self.options.apps, *listen, "--run-dir", str(self.run_dir)])
        self.processes["controller"].wait_ready()  # a switch that finds nobody tries again only a second later

    def _wait_programmed(self) -> None:
        """Until the lab's own controller has all switches, and has put a first flow into each; some apps never do."""
        if self.options.controllers:
            return
        switches = self.topology.switches
        wait(CONNECTED_SECONDS, lambda: self._in_service() == len(switches))
        wait(PROGRAMMED_SECONDS, lambda: all(ask(self.switch_dir(switch), "flows") for switch in switches))

    def _in_service(self) -> int:
        """How many switches the lab's own controller has."""
        told = ask(self.run_dir, "controller", plane="controller")
        return int(told["controller"]["switches"])

    def _start_switch(self, switch: Switch) -> None:
        self.switch_dir(switch).mkdir()
        self._start(switch.name, self.switch_words(switch))

    # use

    def words_in(self, name: str, words: Sequence[str]) -> list[str]:
        """What runs `words` in a host: hosts' names among them become addresses."""
        return [*network.inside(self.netns(name)), *(self._known_address(word) for word in words)]

    def _known_address(self, word: str) -> str:
        host = self.host(word)
        return str(host.ipv4.ip) if host else word

    def popen(self, name: str, words: Sequence[str]) -> subprocess.Popen[str]:
        """Start a command in a host, its output read through pipes."""
        return subprocess.Popen(
            self.words_in(name, words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, name: str, words: Sequence[str], timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command in a host to its end."""
        return subprocess.run(
            self.words_in(name, words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
