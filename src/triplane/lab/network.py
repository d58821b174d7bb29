"""Namespaces, cables and addresses of a lab, through iproute2.

A host's namespace holds `eth0` (or, where its port is a tap, the tap device itself); a switch's namespace holds one
device for each port, named after what is at the other end.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from triplane.lab.topology import Host
from triplane.nodes.options import StartError

NETNS = Path("/run/netns")
HOST_DEVICE = "eth0"
SBIN = ["/usr/local/sbin", "/usr/sbin", "/sbin"]  # where Debian has ip, and where an ordinary user's PATH does not lead


class LabError(StartError):
    """A lab that cannot be built or used, in one line."""


def find(program: str, package: str) -> str:
    """Path of a system program, or LabError naming the Debian package that has it."""
    path = shutil.which(program) or shutil.which(program, path=os.pathsep.join(SBIN))
    if path is None:
        raise LabError(f"needs the program {program}: apt install {package}")
    return path


def run(words: Sequence[str], text: str | None = None) -> str:
    """Run a program that must succeed; its output. Raises LabError with what it complained of."""
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        complaint = (done.stderr.strip() or f"status {done.returncode}").splitlines()[0]
        raise LabError(f"{' '.join(words)}: {complaint}")
    return done.stdout


def ip(lines: Sequence[str], netns: str | None = None) -> None:
    """Run `ip` on a batch of lines, inside a namespace or here; stops at the first that fails."""
    inside = ["-n", netns] if netns else []
    run([find("ip", "iproute2"), *inside, "-batch", "-"], "\n".join(lines) + "\n")


def inside(netns: str) -> list[str]:
    """The words that run a command in a namespace; `ip netns exec` does more, but not as an ordinary user."""
    return [find("nsenter", "util-linux"), f"--net={NETNS / netns}"]


def exists(netns: str) -> bool:
    return (NETNS / netns).exists()


def add_namespace(netns: str) -> None:
    run([find("ip", "iproute2"), "netns", "add", netns])
    ip(["link set lo up"], netns)


def delete_namespace(netns: str) -> None:
    """End what still runs in it, and remove it with its devices."""
    for pid in run([find("ip", "iproute2"), "netns", "pids", netns]).split():
        if int(pid) != os.getpid():
            terminate(int(pid))
    run([find("ip", "iproute2"), "netns", "del", netns])


def terminate(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return


def silence(netns: str) -> None:
    """No packets of the kernel's own from a switch's ports: no IPv6 addresses, so no router or multicast messages."""
    settings = ["net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"]
    run([*inside(netns), find("sysctl", "procps"), "-qw", *settings])


def cable(one: tuple[str, str], other: tuple[str, str], mtu: int | None = None) -> None:
    """A veth pair between two (namespace, device)s, both down."""
    size = f" mtu {mtu}" if mtu else ""
    ip([f"link add {one[1]}{size} type veth peer name {other[1]}{size} netns {other[0]}"], one[0])


def set_state(netns: str, device: str, up: bool) -> None:
    ip([f"link set {device} {'up' if up else 'down'}"], netns)


def address(host: Host, netns: str, device: str) -> None:
    """Give a host's device its addresses and bring it up; `nodad`: usable at once."""
    ip(
        [
            f"link set {device} address {host.mac}",
            f"addr add {host.ipv4} dev {device}",
            f"addr add {host.ipv6} dev {device} nodad",
            f"link set {device} up",
        ],
        netns,
    )
