"""A private Open vSwitch in a network namespace; nothing of the machine's own is touched."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
VERSIONS = "OpenFlow10,OpenFlow11,OpenFlow12,OpenFlow13,OpenFlow14,OpenFlow15"


def run(*words: str, env: dict[str, str] | None = None, check: bool = True) -> str:
    """A command's stdout; its stderr in the error if it fails."""
    done = subprocess.run(words, capture_output=True, text=True, env=env, check=False, timeout=90)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr}{done.stdout}")
    return done.stdout


class PrivateOvs:
    """`with PrivateOvs(folder, netns) as ovs`: its database and daemon in `folder`, its ports in `netns`.

    It forwards in user space. Database socket: `folder`/db.sock; of a bridge: `folder`/NAME.mgmt.
    """

    def __init__(self, folder: Path, netns: str) -> None:
        self.folder = folder
        self.netns = netns
        names = ("OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR", "OVS_SYSCONFDIR")
        self.env = os.environ | dict.fromkeys(names, str(folder))

    def __enter__(self) -> PrivateOvs:
        self.folder.mkdir(exist_ok=True)
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

    def vsctl(self, *words: str) -> str:
        return run("ovs-vsctl", f"--db=unix:{self.folder}/db.sock", "--timeout=60", *words, env=self.env)

    def appctl(self, *words: str) -> str:
        """What the daemon says about itself, `bond/show` for instance."""
        return run("ovs-appctl", "-t", f"{self.folder}/ovs-vswitchd.ctl", *words, env=self.env)

    def offer_database(self, remote: str) -> None:
        """Serve the database at one more address, `ptcp:6640:127.0.0.1` for instance, in `netns`."""
        target = f"{self.folder}/ovsdb-server.ctl"
        run("ovs-appctl", "-t", target, "ovsdb-server/add-remote", remote, env=self.env)

    def add_bridge(
        self, name: str, dpid: int, ports: Iterable[str], controllers: Iterable[str], versions: str = VERSIONS
    ) -> None:
        """A bridge that forwards nothing by itself, and numbers its ports from 1."""
        words = ["add-br", name, "--", "set", "bridge", name, "datapath_type=netdev", f"protocols={versions}"]
        words += ["fail-mode=secure", f"other-config:datapath-id={dpid:016x}"]
        for number, port in enumerate(ports, 1):
            words += ["--", "add-port", name, port, "--", "set", "interface", port, f"ofport_request={number}"]
        words += ["--", "set-controller", name, *controllers]
        self.vsctl(*words)
        for controller in self.vsctl("get", "bridge", name, "controller").strip("[]\n").split(", "):
            self.vsctl("set", "controller", controller, "max_backoff=1000")

    def _start(self) -> None:
        database = f"{self.folder}/conf.db"
        run("ovsdb-tool", "create", database, SCHEMA, env=self.env)
        self._daemon("ovsdb-server", database, f"--remote=punix:{self.folder}/db.sock")
        self.vsctl("--no-wait", "init")
        self._daemon("ovs-vswitchd", f"unix:{self.folder}/db.sock", "--disable-system")

    def _daemon(self, program: str, *words: str) -> None:
        files = [f"--pidfile={self.folder}/{program}.pid", f"--log-file={self.folder}/{program}.log"]
        control = f"--unixctl={self.folder}/{program}.ctl"
        prefix = ("ip", "netns", "exec", self.netns)
        run(*prefix, program, *words, *files, control, "--detach", "--no-chdir", env=self.env)

    def _stop(self) -> None:
        for program in ("ovs-vswitchd", "ovsdb-server"):
            control = self.folder / f"{program}.ctl"
            if control.exists():
                run("ovs-appctl", "-t", str(control), "exit", env=self.env, check=False)
