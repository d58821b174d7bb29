"""The network between a dataplane and its controllers, apart from the traffic; it can be cut, in silence.

dataplane [mgmt] 192.0.2.1 ---- 192.0.2.2, 192.0.2.3 [ctl] controllers, each at an address of its own
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.controller.process import Controller
from tests.tap.rig import PID
from triplane.tap import namespaces as ns

SWITCH_END, CONTROLLER_END = f"tm{PID}", f"tc{PID}"
PORT = 6653


def address(number: int) -> str:
    """Of a controller: 1 or 2."""
    return f"tcp:192.0.2.{number + 1}:{PORT}"


def within(netns: str) -> tuple[str, ...]:
    return "ip", "netns", "exec", netns


@contextmanager
def control_network() -> Iterator[None]:
    """The two namespaces and the cable between them."""
    with ns.namespaces(SWITCH_END, CONTROLLER_END):
        ns.veth("mgmt", SWITCH_END, "ctl", CONTROLLER_END)
        ns.add_address(SWITCH_END, "mgmt", "192.0.2.1/24")
        for number in (1, 2):
            ns.add_address(CONTROLLER_END, "ctl", f"192.0.2.{number + 1}/24")
        yield


def controller(number: int, log: Path, *words: str, env: dict[str, str] | None = None) -> Controller:
    """`triplane controller` with these words, listening at its address."""
    return Controller(log, *words, "--listen", address(number), prefix=within(CONTROLLER_END), env=env)


@contextmanager
def partition(number: int) -> Iterator[None]:
    """Meanwhile packets from and to a controller vanish, and neither side is told so."""
    silence = [f"ip {end} 192.0.2.{number + 1} drop" for end in ("saddr", "daddr")]
    script = ["add table ip cut", "add chain ip cut silence { type filter hook prerouting priority raw; }"]
    script += [f"add rule ip cut silence {rule}" for rule in silence]
    for netns in (SWITCH_END, CONTROLLER_END):
        nft(netns, *script)
    try:
        yield
    finally:
        for netns in (SWITCH_END, CONTROLLER_END):
            nft(netns, "delete table ip cut")


def nft(netns: str, *lines: str) -> None:
    words = [*within(netns), "nft", "--file", "-"]
    subprocess.run(words, input="\n".join(lines), text=True, check=True, timeout=60)
