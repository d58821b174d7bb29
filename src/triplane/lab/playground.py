"""The lab as a playground: says what there is, and reads commands until it is told to end."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence

from triplane.control_client import AskError, ask
from triplane.lab import rootless
from triplane.lab.lab import Lab
from triplane.lab.network import LabError
from triplane.lab.processes import TRIPLANE
from triplane.lab.topology import Host, Switch
from triplane.terminal import columns, paint

HELP = """\
  h1 ping h2        run a command in host h1; hosts' names stand for their addresses
  h1                a shell in host h1 (exit ends it)
  s1 flows          a switch's flows, or its ports, groups, meters, macs, punts
  pingall           can everybody reach everybody?
  hosts             this overview again
  exit              end the lab (so does Ctrl-D)"""
SHOWN = ("flows", "ports", "groups", "meters", "macs", "punts")


def enter_host(lab: Lab, host: Host) -> str:
    """A command line for another terminal."""
    way = "ip netns exec" if not rootless.inside() else "nsenter --net=/run/netns/"
    return f"{rootless.entrance()}{way}{'' if way.endswith('/') else ' '}{lab.netns(host.name)} bash"


def overview(lab: Lab) -> list[str]:
    rows = [
        (
            host.name,
            host.ipv4.ip,
            host.ipv6.ip,
            host.mac,
            lab.topology.access(host).beyond(host.name),
            enter_host(lab, host),
        )
        for host in lab.topology.hosts
    ]
    lines = columns(["host", "IPv4", "IPv6", "MAC", "at", "enter it from another terminal with"], rows)
    lines = [paint(lines[0], "bold"), *lines[1:], "", paint("switches", "bold")]
    lines += [
        f"  {rootless.entrance()}triplane show flows --run-dir {lab.switch_dir(one)}" for one in lab.topology.switches
    ]
    for link in [] if lab.options.loops else lab.topology.spare_links():
        lines.append(f"  link {link.one} - {link.other} is down: it would close a loop (--loops brings it up)")
    logs = ", ".join(str(process.log) for process in lab.processes.values())
    return [*lines, "", f"logs: {logs}"]


def run_attached(words: Sequence[str]) -> int:
    """Run a command on this terminal; Ctrl-C is for it alone."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return subprocess.run(words, check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)


def ping_all(lab: Lab) -> int:
    """Each host to each other, IPv4 and IPv6; how many failed."""
    failed = 0
    for one in lab.topology.hosts:
        reached = []
        for other in lab.topology.hosts:
            if other is one:
                continue
            for address in (other.ipv4.ip, other.ipv6.ip):
                good = lab.run(one.name, ["ping", "-c", "1", "-W", "5", "-q", str(address)]).returncode == 0
                failed += not good
                reached.append(str(address) if good else paint(f"not {address}", "red"))
        print(f"{one.name} -> {' '.join(reached)}")
    print(paint("all reached", "green") if not failed else paint(f"{failed} not reached", "red"))
    return failed


def show(lab: Lab, switch: Switch, kind: str) -> None:
    from triplane.commands.show import table

    if kind not in SHOWN:
        print(f"{switch.name}: want one of {', '.join(SHOWN)}")
        return
    try:
        print("\n".join(table(kind, ask(lab.switch_dir(switch), kind))))
    except AskError as error:
        print(error)


def dead(lab: Lab) -> list[str]:
    return [f"{name} has ended: {one.complaint()}" for name, one in lab.processes.items() if not one.running()]


class Prompt:
    """Reads lines and does them; `end` is true after exit."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.end = False
        self.switches = {switch.name: switch for switch in lab.topology.switches}
        self.own: dict[str, Callable[[], object]] = {
            "help": lambda: print(HELP),
            "hosts": lambda: print("\n".join(overview(lab))),
            "pingall": lambda: ping_all(lab),
            "exit": self.leave,
            "quit": self.leave,
        }

    def leave(self) -> None:
        self.end = True

    def do(self, line: str) -> None:
        try:
            words = shlex.split(line)
        except ValueError as error:
            print(error)
            return
        if not words:
            return
        if words[0] in self.own:
            self.own[words[0]]()
        elif words[0] in self.switches:
            show(self.lab, self.switches[words[0]], words[1] if len(words) > 1 else "flows")
        elif self.lab.host(words[0]):
            run_attached(self.lab.words_in(words[0], words[1:] or [os.environ.get("SHELL", "/bin/sh")]))
        else:
            print(f"{words[0]}: neither a host, a switch nor a command\n{HELP}")

    def read(self) -> None:
        """Until exit or the end of input."""
        with contextlib.suppress(ImportError):  # not every Python has it
            import readline  # noqa: F401  gives input() its line editing
        while not self.end:
            for line in dead(self.lab):
                print(paint(line, "red"))
            try:
                self.do(input("lab> "))
            except EOFError:
                return
            except KeyboardInterrupt:
                print()


def play(lab: Lab) -> int:
    """Stay up: with a prompt on a terminal, else until a signal comes or a process of the lab dies."""
    print("\n".join(overview(lab)))
    if sys.stdin.isatty():
        print(f"\n{HELP}\n")
        Prompt(lab).read()
        return 0
    print("\nready: ends on SIGTERM or Ctrl-C", flush=True)
    while not (ended := dead(lab)):
        signal.sigtimedwait([], 1)
    raise LabError("; ".join(ended))


def run_command(lab: Lab, words: Sequence[str]) -> int:
    """`-- CMD`: in a host if CMD begins with a host's name, else outside with the lab's folder in its environment."""
    if lab.host(words[0]) and len(words) > 1:
        return run_attached(lab.words_in(words[0], words[1:]))
    first = lab.switch_dir(lab.topology.switches[0])
    environment = {**os.environ, "TRIPLANE_RUN_DIR": str(first), "TRIPLANE_NETNS_PREFIX": lab.options.prefix}
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        command = TRIPLANE if words[0] == "triplane" else [words[0]]
        return subprocess.run([*command, *words[1:]], env=environment, check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)
