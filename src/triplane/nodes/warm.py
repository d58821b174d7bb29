"""Compile everything that a dataplane runs, by doing each thing once: what is in the cache then takes no time.

The work is shared between processes, since numba compiles one function at a time in each.
"""

from __future__ import annotations

import ctypes
import fcntl
import gc
import hashlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from triplane.nodes.options import StartError

Step = Callable[[str, int, int], None]  # name of the step, number of it (from 1), how many there are

FLOW_ADD = bytes.fromhex(  # table 0, in_port=1, apply output:2
    "040e0058000000010000000000000000000000000000000000000000000000010000ffffffffffffffffffffffff0000"
    "0001000c8000000400000001000000000004001800000000000000100000000200000000000000000000"
)
PAUSE = bytes.fromhex("ffff00180000232000250000000000000004000400000000")  # Nicira's controller(pause)


def tables(step: Callable[[str], None]) -> None:
    """Flow-mods, statistics, groups, meters."""
    from triplane.dataplane.node import Node
    from triplane.dataplane.openflow import ofproto_v1_3 as ofp
    from triplane.nodes.providers import EVERYTHING

    step("flow tables")
    node = Node(1)
    node.flow_mods(FLOW_ADD, 0, len(FLOW_ADD), 1)
    list(node.flow_stats(EVERYTHING, 1))
    node.aggregate(EVERYTHING)
    node.expire(1)
    step("groups and meters")
    node.group_mod(ofp.OFPGC_ADD, ofp.OFPGT_ALL, 1, b"", 1)
    node.meter_mod(ofp.OFPMC_ADD, ofp.OFPMF_KBPS, 1, bytes.fromhex("00010010000003e80000000000000000"), 1)
    node.table_stats()
    node.group_stats(ofp.OFPG_ALL, 1)
    node.meter_stats(ofp.OFPM_ALL, 1)
    node.state.flows.warm(1)
    node.state.macs.flush()
    node.group_mod(ofp.OFPGC_DELETE, ofp.OFPGT_ALL, 1, b"", 1)
    node.meter_mod(ofp.OFPMC_DELETE, ofp.OFPMF_KBPS, 1, b"", 1)
    node.close()


def packets(step: Callable[[str], None]) -> None:
    """The packet path: workers."""
    from triplane.dataplane.node import Node

    step("pipeline")
    node = Node(1)
    node.start()
    node.close()


def injection(step: Callable[[str], None]) -> None:
    """Packet-out, a packet that goes on, and trace, made of the packet path's kernels."""
    from triplane.dataplane.node import Node
    from triplane.dataplane.switch.datapath import Pipeline
    from triplane.nodes.trace import trace

    step("packet-out")
    node = Node(1)
    node.packet_out(1, bytes.fromhex("00000010fffffff9ffff000000000000"), bytes(60), 1)
    node.packet_ins(1)
    node.packet_out(1, PAUSE, bytes(60), 1)
    (paused,) = node.packet_ins(1)
    node.resume(paused.paused, Pipeline(1), paused.data, 1)
    trace(node, 1, bytes(60))
    node.close()


def ports(step: Callable[[str], None]) -> None:
    """Receive and transmit of each kind of port."""
    from triplane.tap.port import KINDS, resolve

    for kind in KINDS:
        step(f"port {kind}")
        port = resolve(kind)
        _ = port.receive.address, port.transmit.address


def stamp() -> Path:
    """A file that is there once all was compiled for these sources, by this numba on this processor."""
    import llvmlite.binding
    import numba

    from triplane.dataplane.kernels import cache

    sources = sorted(cache.PACKAGE.glob("*/kernels/*.py"))
    mode = (cache.KernelLocator.flags, numba.config.BOUNDSCHECK, numba.config.DISABLE_JIT)
    place = (numba.__version__, llvmlite.binding.get_host_cpu_name(), str(cache.PACKAGE))
    state = hashlib.sha256(repr((mode, place)).encode())
    for source in sources:
        state.update(source.read_bytes())
    return cache.cache_root() / f"warm-{state.hexdigest()[:16]}"


def is_warm() -> bool:
    """Whether `run` has nothing to do; interpreted kernels need nothing."""
    from triplane.dataplane.kernels.compiler import INTERPRETED

    return INTERPRETED or stamp().exists()


PARTS = (packets, injection, tables, ports)
SHARES = (["packets", "injection"], ["tables", "ports"])  # of equal size: each takes about half of the time
STEPS = 10
GARBAGE = 100_000  # objects until Python looks for cycles: at its 700, that is a tenth of the time


def run(step: Step) -> None:
    """Compile in two processes, telling of each step, or wait for another that does so; raises StartError."""
    with alone(lambda: step("another process compiles them", 1, STEPS)) as was_alone:
        if was_alone or not is_warm():
            compile_all(step)


@contextmanager
def alone(waiting: Callable[[], None]) -> Iterator[bool]:
    """One process at a time for the same sources: switches that start together compile once. False: it had to wait."""
    path = stamp().with_suffix(".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            waited = False
        except BlockingIOError:
            waiting()
            fcntl.flock(lock, fcntl.LOCK_EX)
            waited = True
        yield not waited


def compile_all(step: Step) -> None:
    jobs = [start(names) for names in SHARES]
    done = 0
    for job in jobs:
        for line in job.stdout or ():
            done += 1
            step(line.strip(), done, STEPS)
    for job in jobs:
        _, trouble = job.communicate()
        if job.returncode:
            last = trouble.strip().splitlines()[-1:] or ["no reason given"]
            raise StartError(f"the kernels do not compile: {last[0]}")
    stamp().touch()


def start(names: list[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", __name__, *names]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def main(names: list[str]) -> None:
    gc.set_threshold(GARBAGE)
    for part in PARTS:
        if part.__name__ in names:
            part(lambda name: print(name, flush=True))


def die_with_parent() -> None:
    """prctl(PR_SET_PDEATHSIG): a start that is killed while it compiles leaves nobody compiling behind."""
    ctypes.CDLL(None).prctl(1, int(signal.SIGTERM))


if __name__ == "__main__":
    die_with_parent()
    main(sys.argv[1:])
