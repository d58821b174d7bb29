"""`make demo`: a lab, real traffic through it, and what the switch saw of it. Ends 0 only if the traffic arrived."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from triplane.commands.lab import end_on
from triplane.commands.show import table
from triplane.control_client import AskError, ask
from triplane.lab import rootless
from triplane.lab.lab import Lab, LabOptions
from triplane.lab.network import LabError
from triplane.lab.processes import TRIPLANE
from triplane.lab.topology import choose
from triplane.nodes.options import StartError
from triplane.terminal import paint

HOSTS = 3
FILE_BYTES = 20_000_000
TCP_SECONDS = 3
PING_SECONDS = 10  # that all answers together may take
IDLE_PINGS = 100
SERVER_SECONDS = 10.0
PICTURE = """
     h1                 h2                 h3           hosts, each in a network namespace
  10.0.0.1           10.0.0.2           10.0.0.3
   fd00::1            fd00::2            fd00::3
      |                  |                  |           veth cables
  +---1------------------2------------------3---+
  |        s1: triplane dataplane (dpid 1)      |       data plane: forwards, in user space
  +----------------------+----------------------+
                         |                              OpenFlow 1.3 over a Unix socket
  +----------------------+----------------------+
  |   triplane controller, the learning app     |       control plane: says what to forward where
  +---------------------------------------------+
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a step's traffic arrived, and in a few words how."""

    arrived: bool
    told: str


def heading(text: str) -> None:
    print(f"\n{paint(text, 'bold')}", flush=True)


def round_trips(output: str, count: int) -> list[float]:
    """Milliseconds of each answer to the first `count` echoes, as ping printed them."""
    found = re.findall(r"icmp_seq=(\d+) .*time=([0-9.]+) ms", output)
    return [float(milliseconds) for number, milliseconds in found if int(number) <= count]


def ping(lab: Lab, source: str, address: str, count: int, interval: float) -> Outcome:
    # -w: until so many are answered; without it the last has no more than two round trips to come
    done = lab.run(source, ["ping", "-n", "-c", str(count), "-i", str(interval), "-w", str(PING_SECONDS), address])
    times = round_trips(done.stdout, count)
    if not times:
        return Outcome(False, done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "no answer")
    rest = sorted(times[1:] or times)
    told = (
        f"{len(times)} of {count} answered; the first in {times[0]:.2f} ms, then {rest[len(rest) // 2]:.3f} ms (median)"
    )
    return Outcome(len(times) == count, told)


@contextmanager
def server(lab: Lab, host: str, words: list[str], says: str) -> Iterator[None]:
    """A server in a host, from the moment it says that it listens."""
    child = lab.popen(host, words)
    try:
        assert child.stdout is not None
        said = []
        for line in child.stdout:
            said.append(line)
            if says in line:
                break
        else:
            raise LabError(f"{words[0]} in {host} did not start: {''.join(said).strip()}")
        yield
    finally:
        child.terminate()
        child.communicate()


def tcp(lab: Lab, source: str, target: str, address: str) -> Outcome:
    with server(lab, target, ["iperf3", "--server", "--forceflush"], "listening"):
        done = lab.run(source, ["iperf3", "--client", address, "--time", str(TCP_SECONDS), "--json"])
    try:
        report = json.loads(done.stdout)
    except json.JSONDecodeError:
        return Outcome(False, f"iperf3 said: {done.stdout.strip()[:100]}")
    if "error" in report:
        return Outcome(False, report["error"])
    received, sent = report["end"]["sum_received"], report["end"]["sum_sent"]
    rate = received["bits_per_second"] / 1e9
    told = f"{rate:.2f} Gbit/s, {received['bytes'] / 1e6:.0f} MB received, {sent['retransmits']} segments sent again"
    return Outcome(received["bytes"] > 0, told)


def http(lab: Lab, source: str, target: str, address: str, folder: Path) -> Outcome:
    data = os.urandom(FILE_BYTES)
    (folder / "file").write_bytes(data)
    words = [sys.executable, "-u", "-m", "http.server", "8000", "--bind", address, "--directory", str(folder)]
    fetched = folder / "fetched"
    with server(lab, target, words, "Serving HTTP"):
        started = time.monotonic()
        curl = ["curl", "-sS", "--max-time", "20", "--output", str(fetched), f"http://{address}:8000/file"]
        done = lab.run(source, curl)
    if done.returncode:
        return Outcome(False, done.stdout.strip())
    elapsed = time.monotonic() - started
    same = hashlib.sha256(fetched.read_bytes()).digest() == hashlib.sha256(data).digest()
    told = f"{len(data) / 1e6:.0f} MB in {elapsed * 1000:.0f} ms, " + (
        "every byte as sent" if same else "NOT what was sent"
    )
    return Outcome(same, told)


def steps(lab: Lab, folder: Path) -> list[tuple[str, Callable[[], Outcome]]]:
    four, six = [str(host.ipv4.ip) for host in lab.topology.hosts], [str(host.ipv6.ip) for host in lab.topology.hosts]
    return [
        ("ping h1 -> h2 over IPv4", lambda: ping(lab, "h1", four[1], 5, 0.2)),
        ("ping h1 -> h3 over IPv6", lambda: ping(lab, "h1", six[2], 5, 0.2)),
        (f"TCP h1 -> h2 for {TCP_SECONDS} s", lambda: tcp(lab, "h1", "h2", four[1])),
        (f"TCP h3 -> h2 for {TCP_SECONDS} s over IPv6", lambda: tcp(lab, "h3", "h2", six[1])),
        ("HTTP fetch h2 <- h3", lambda: http(lab, "h2", "h3", four[2], folder)),
        ("latency h1 -> h2", lambda: ping(lab, "h1", four[1], IDLE_PINGS, 0.01)),
    ]


def do(name: str, step: Callable[[], Outcome]) -> bool:
    print(f"  {name:<34}", end="", flush=True)
    try:
        outcome = step()
    except (LabError, subprocess.TimeoutExpired) as error:
        outcome = Outcome(False, str(error))
    print(f"{paint('ok', 'green') if outcome.arrived else paint('FAILED', 'red')}  {outcome.told}", flush=True)
    return outcome.arrived


def show(lab: Lab) -> bool:
    """What the switch says of itself; False when it does not answer."""
    for kind, title in (("flows", "flow table, as the learning app programmed it"), ("ports", "ports")):
        heading(title)
        try:
            rows = ask(lab.switch_dir(lab.topology.switches[0]), kind)
        except AskError as error:
            print(f"  {error}")
            return False
        print("\n".join(f"  {line}" for line in table(kind, rows)))
    return True


def demonstrate(options: LabOptions | None = None) -> bool:
    """Build, send, show; whether all of it arrived."""
    heading("kernels: the forwarder's inner loops, compiled for this machine and kept for the next time")
    if subprocess.run([*TRIPLANE, "warm", "--if-needed"], check=False).returncode:
        raise LabError("the kernels could not be compiled")
    heading("lab: three hosts, a switch, a controller")
    print(PICTURE)
    started = time.monotonic()
    with Lab(choose("single", None, HOSTS), options) as lab:
        for process in lab.processes.values():
            print(f"  {process.name}: {process.ready_line}")
        print(f"  up in {time.monotonic() - started:.1f} s")
        heading("traffic")
        folder = Path(tempfile.mkdtemp(prefix="triplane-demo-"))
        try:
            arrived = [do(name, step) for name, step in steps(lab, folder)]
        finally:
            shutil.rmtree(folder)
        answered = show(lab)
    return all(arrived) and answered


def main() -> int:
    signal.signal(signal.SIGTERM, end_on)
    try:
        rootless.enter([sys.executable, "-m", "triplane.lab.demo"], "packet")
        good = demonstrate()
    except (StartError, OSError) as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print()
    if not good:
        print(paint("Some traffic did not arrive.", "red"))
        return 1
    print(
        paint("All traffic arrived.", "green"), "Next: a lab to play in, with `.venv/bin/triplane lab star --hosts 4`"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
