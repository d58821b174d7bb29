"""A private Open vSwitch in a network namespace, with hosts on its ports; nothing of the machine's own is touched."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import TracebackType

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
HOSTS = 2


def run(*words: str, env: dict[str, str] | None = None, check: bool = True) -> str:
    """A command's stdout; its stderr in the error if it fails."""
    done = subprocess.run(words, capture_output=True, text=True, env=env, check=False, timeout=60)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr}")
    return done.stdout


class PrivateSwitch:
    """`with PrivateSwitch(folder, controller) as switch`: a bridge br0 that speaks OpenFlow 1.3 only, and two hosts."""

    def __init__(self, folder: Path, controller: str) -> None:
        self.folder = folder
        self.controller = controller
        self.netns = f"tpc{os.getpid()}s"
        self.hosts = [f"tpc{os.getpid()}h{number}" for number in range(1, HOSTS + 1)]
        names = ("OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR", "OVS_SYSCONFDIR")
        self.env = os.environ | dict.fromkeys(names, str(folder))

    def __enter__(self) -> PrivateSwitch:
        try:
            self._start()
        except RuntimeError:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def ping(self, source: int, target: int, count: int) -> str:
        """From host to host, IPv4; what ping says at its end."""
        words = ("ping", "-c", str(count), "-i", "0.1", "-W", "2", f"10.9.0.{target}")
        return run("ip", "netns", "exec", self.hosts[source - 1], *words, check=False)

    def flows(self) -> str:
        words = ("ovs-ofctl", "-O", "OpenFlow13", "--no-stats", "dump-flows", f"unix:{self.folder}/br0.mgmt")
        return run(*words, env=self.env)

    def _start(self) -> None:
        run("ip", "netns", "add", self.netns)
        run("ip", "-n", self.netns, "link", "set", "lo", "up")
        database = f"{self.folder}/conf.db"
        run("ovsdb-tool", "create", database, SCHEMA, env=self.env)
        self._daemon("ovsdb-server", database, f"--remote=punix:{self.folder}/db.sock")
        self._vsctl("--no-wait", "init")
        self._daemon("ovs-vswitchd", f"unix:{self.folder}/db.sock", "--disable-system")
        bridge = "datapath_type=netdev protocols=OpenFlow13 fail-mode=secure other-config:datapath-id=00000000000000a1"
        self._vsctl("add-br", "br0", "--", "set", "bridge", "br0", *bridge.split())
        for number, host in enumerate(self.hosts, 1):
            self._add_host(number, host)
        self._vsctl("set-controller", "br0", self.controller, "--", "set", "controller", "br0", "max_backoff=1000")

    def _daemon(self, program: str, *words: str) -> None:
        files = [f"--pidfile={self.folder}/{program}.pid", f"--log-file={self.folder}/{program}.log"]
        control = f"--unixctl={self.folder}/{program}.ctl"
        prefix = ("ip", "netns", "exec", self.netns)
        run(*prefix, program, *words, *files, control, "--detach", "--no-chdir", env=self.env)

    def _vsctl(self, *words: str) -> str:
        return run("ovs-vsctl", f"--db=unix:{self.folder}/db.sock", "--timeout=20", *words, env=self.env)

    def _add_host(self, number: int, host: str) -> None:
        run("ip", "netns", "add", host)
        run("ip", "-n", self.netns, "link", "add", f"s{number}", "type", "veth", "peer", "name", "eth0", "netns", host)
        run("ip", "-n", self.netns, "link", "set", f"s{number}", "up")
        run("ip", "-n", host, "address", "add", f"10.9.0.{number}/24", "dev", "eth0")
        run("ip", "-n", host, "link", "set", "eth0", "up")
        self._vsctl("add-port", "br0", f"s{number}", "--", "set", "interface", f"s{number}", f"ofport_request={number}")

    def _stop(self) -> None:
        for program in ("ovs-vswitchd", "ovsdb-server"):
            control = self.folder / f"{program}.ctl"
            if control.exists():
                run("ovs-appctl", "-t", str(control), "exit", env=self.env, check=False)
        for netns in (*self.hosts, self.netns):
            run("ip", "netns", "delete", netns, check=False)
