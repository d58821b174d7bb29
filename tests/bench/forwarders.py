"""What is compared: Triplane, Open vSwitch in user space, the Linux bridge and router, each on a pair of cables."""

from __future__ import annotations

import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.channel import Channel
from tests.bench.frames import SINK_MAC, SOURCE_MAC
from tests.bench.lab import Pair
from tests.bench.programs import DEVICE_CPU, BenchError, Program, run
from triplane.lab.processes import TRIPLANE
from triplane.tap import namespaces as ns

OVS_SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")
OVS_PROGRAMS = ("ovs-vswitchd", "ovsdb-server", "ovsdb-tool", "ovs-vsctl")
OVS_KEEPS = "600000"  # ms: a flow outlives the turns of the others


@dataclass
class Forwarder:
    """One that runs. `openflow`: the Unix socket where it takes flow-mods; None: it needs none."""

    name: str
    pair: Pair
    programs: list[Program] = field(default_factory=list)
    openflow: Path | None = None

    @property
    def main(self) -> Program:
        """The process that forwards."""
        return self.programs[-1]

    def load(self, messages: bytes) -> None:
        """Send flow-mods and wait until they are there."""
        if self.openflow is not None:
            with Channel(self.openflow) as channel:
                channel.load(messages)

    def pause(self) -> None:
        """Take no processor time until `resume`: a poller would disturb the others."""
        for program in self.programs:
            program.pause()

    def resume(self) -> None:
        for program in reversed(self.programs):
            program.resume()


@contextmanager
def triplane(
    folder: Path, kind: str, cpu: int | None = DEVICE_CPU, env: dict[str, str] | None = None
) -> Iterator[Forwarder]:
    """`kind` is xdp, packet or tap."""
    with ExitStack() as stack:
        pair = stack.enter_context(Pair(f"tp{kind}", folder).made(cables=kind != "tap"))
        if kind == "tap":
            ports = [f"e1:tap,netns={pair.source}", f"e2:tap,netns={pair.sink}"]
        else:
            ports = [f"p1:{kind}", f"p2:{kind}"]
        program, openflow = start_triplane(stack, folder, f"triplane-{kind}", ports, pair.device, cpu, env)
        program.wait_ready()
        pair.address()
        pair.checksums(kind != "xdp")
        yield Forwarder(kind, pair, [program], openflow)


def start_triplane(
    stack: ExitStack,
    folder: Path,
    name: str,
    ports: Sequence[str],
    netns: str,
    cpu: int | None = None,
    env: dict[str, str] | None = None,
) -> tuple[Program, Path]:
    """A dataplane process, and where it takes OpenFlow; it ends with `stack`."""
    run_dir = folder / name
    run_dir.mkdir(exist_ok=True)
    openflow = run_dir / "openflow"
    words = [*TRIPLANE, "dataplane", "--dpid", "1", "--netns", netns, "--run-dir", str(run_dir)]
    words += ["--listen", f"punix:{openflow}", *(word for port in ports for word in ("--port", port))]
    program = Program(words, folder / f"{name}.log", cpu=cpu, env=env)
    stack.callback(program.end)
    return program, openflow


def has_ovs() -> bool:
    return OVS_SCHEMA.exists() and all(shutil.which(name) for name in OVS_PROGRAMS)


def need_ovs() -> None:
    """Raises BenchError if there is none."""
    if not has_ovs():
        raise BenchError("Open vSwitch is not installed (openvswitch-switch)")


class Ovs:
    """A private ovsdb-server and ovs-vswitchd, in a folder and a namespace of their own."""

    def __init__(self, stack: ExitStack, folder: Path, netns: str) -> None:
        self.stack, self.netns = stack, netns
        self.folder = folder = Path(tempfile.mkdtemp(prefix="ovs-", dir=folder))
        self.env = {f"OVS_{name}": str(folder) for name in ("RUNDIR", "LOGDIR", "DBDIR", "SYSCONFDIR")}
        self.database = f"unix:{folder / 'db.sock'}"

    def vsctl(self, *words: str) -> None:
        run("ovs-vsctl", f"--db={self.database}", "--timeout=10", *words)

    def start(self, cpu: int | None, **config: str) -> list[Program]:
        """With entries of other_config."""
        run("ovsdb-tool", "create", str(self.folder / "conf.db"), str(OVS_SCHEMA))
        server = ["ovsdb-server", str(self.folder / "conf.db"), f"--remote=p{self.database}", "-vconsole:warn"]
        programs = [self._program(server, "ovsdb", None)]
        wait_for((self.folder / "db.sock").exists, "ovsdb-server")
        self.vsctl("--no-wait", "init")
        for key, value in {"max-idle": OVS_KEEPS, **config}.items():
            self.vsctl("--no-wait", "set", "Open_vSwitch", ".", f"other_config:{key}={value}")
        most = resource.getrlimit(resource.RLIMIT_MEMLOCK)[1]
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (most, most))  # AF_XDP's frames are locked memory
        switch = ["ovs-vswitchd", self.database, "-vconsole:warn"]
        return [*programs, self._program(switch, "vswitchd", cpu)]

    def _program(self, words: list[str], name: str, cpu: int | None) -> Program:
        control = f"--unixctl={self.folder / name}.ctl"
        program = Program([*words, control], self.folder / f"{name}.log", self.netns, cpu, self.env)
        self.stack.callback(program.end)
        return program

    def bridge(self, ports: dict[str, str]) -> Path:
        """A switch in user space with ports of a type each; where it takes OpenFlow."""
        self.vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev", "fail_mode=secure")
        self.vsctl("set", "bridge", "br0", "protocols=OpenFlow13")
        for number, (name, kind) in enumerate(ports.items(), 1):
            words = ["add-port", "br0", name, "--", "set", "interface", name, f"ofport_request={number}"]
            self.vsctl(*words, *([f"type={kind}"] if kind else []))
        path = self.folder / "br0.mgmt"
        wait_for(path.exists, "ovs-vswitchd")
        return path


@contextmanager
def ovs(folder: Path, kind: str, cpu: int | None = DEVICE_CPU) -> Iterator[Forwarder]:
    """`kind` is packet, afxdp, tso (AF_PACKET with TSO) or tap (with TSO)."""
    need_ovs()
    with ExitStack() as stack:
        pair = stack.enter_context(Pair(f"ovs{kind}", folder).made(cables=kind != "tap"))
        switch = Ovs(stack, folder, pair.device)
        config = {"userspace-tso-enable": "true"} if kind in ("tso", "tap") else {}
        if kind == "afxdp":
            config["pmd-cpu-mask"] = hex(1 << DEVICE_CPU)
        programs = switch.start(cpu, **config)
        if kind == "tap":
            openflow = switch.bridge({f"{pair.name}1": "tap", f"{pair.name}2": "tap"})
            move_taps(pair)
        else:
            openflow = switch.bridge(dict.fromkeys(("p1", "p2"), "afxdp" if kind == "afxdp" else ""))
        pair.address()
        pair.checksums(kind in ("tso", "tap"))
        yield Forwarder(f"ovs-{kind}", pair, programs, openflow)


def move_taps(pair: Pair) -> None:
    """The interfaces that OVS made, to the source and the sink."""
    for number, netns, name in ((1, pair.source, "e1"), (2, pair.sink, "e2")):
        words = ("ip", "link", "set", f"{pair.name}{number}", "netns", str(ns.path_of(netns)), "name", name)
        run(*words, netns=pair.device)


@contextmanager
def bridge(folder: Path) -> Iterator[Forwarder]:
    with Pair("br", folder).made() as pair:
        run("ip", "link", "add", "br0", "type", "bridge", netns=pair.device)
        run("ip", "link", "set", "br0", "up", netns=pair.device)
        for port, mac in (("p1", SOURCE_MAC), ("p2", SINK_MAC)):
            run("ip", "link", "set", port, "master", "br0", netns=pair.device)
            run("bridge", "fdb", "replace", mac, "dev", port, "master", "static", netns=pair.device)
        pair.address((SINK_MAC, SOURCE_MAC))
        yield Forwarder("bridge", pair)


@contextmanager
def router(folder: Path) -> Iterator[Forwarder]:
    with Pair("rt", folder).made() as pair:
        for setting in ("all/rp_filter", "default/rp_filter", "p1/rp_filter", "p2/rp_filter"):
            ns.set_sysctl(pair.device, f"net/ipv4/conf/{setting}", "0")
        ns.set_sysctl(pair.device, "net/ipv4/ip_forward", "1")
        for port, network, host, mac in (("p1", "10.1.0", 1, SOURCE_MAC), ("p2", "10.2.0", 2, SINK_MAC)):
            run("ip", "addr", "add", f"{network}.254/24", "dev", port, netns=pair.device)
            run("ip", "neigh", "replace", f"{network}.{host}", "lladdr", mac, "dev", port, netns=pair.device)
        pair.address()
        yield Forwarder("router", pair)


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise BenchError(f"{what} did not start")
        time.sleep(0.02)
