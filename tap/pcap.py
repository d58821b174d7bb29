"""The `pcap` kind: plays one capture file and writes another (libpcap format, not pcapng).

Options: `in` (file to read; both byte orders, microseconds or nanoseconds), `loop` (how often it is played, 0: for
ever), `out` (file to write). Without `in` nothing is received, without `out` what is sent is dropped, and counted.
"""

from __future__ import annotations

import os
import struct

import numpy as np

from triplane.dataplane.kernels import port as columns
from triplane.dataplane.kernels.packet import BURST
from triplane.dataplane.kernels.pool import Pool
from triplane.tap.kernels import pcap as kernels
from triplane.tap.port import Port, PortError, PortSpec, Words, always_ready, never_ready

MAGIC_MICROSECONDS = 0xA1B2C3D4
MAGIC_NANOSECONDS = 0xA1B23C4D
LINKTYPE_ETHERNET = 1
SNAP_LENGTH = 262144
FOREVER = 1 << 62


def open_input(name: str, path: str) -> tuple[int, bool]:
    """A descriptor of a capture file of Ethernet frames, and whether its byte order is the other one."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return fd, check_header(name, path, os.pread(fd, kernels.FILE_HEADER, 0))
    except (OSError, PortError):
        os.close(fd)
        raise


def check_header(name: str, path: str, header: bytes) -> bool:
    """Whether the file header is in the other byte order; raises PortError if it is no capture of Ethernet frames."""
    for order, swapped in (("=", False), ("<", True), (">", True)):
        if len(header) == kernels.FILE_HEADER:
            magic, linktype = struct.unpack(order + "I16xI", header)
            if magic in (MAGIC_MICROSECONDS, MAGIC_NANOSECONDS):
                if linktype & 0xFFFF != LINKTYPE_ETHERNET:
                    raise PortError(f"port {name}: {path}: link type {linktype & 0xFFFF}, want Ethernet (1)")
                return swapped
    hint = "pcapng: convert it with `editcap -F pcap`" if header[:4] == b"\n\r\r\n" else "not a pcap file"
    raise PortError(f"port {name}: {path}: {hint}")


def create_output(path: str) -> int:
    """A descriptor of a new capture file."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o644)
    os.write(fd, struct.pack("=IHHiIII", MAGIC_NANOSECONDS, 2, 4, 0, 0, SNAP_LENGTH, LINKTYPE_ETHERNET))
    return fd


class PcapPort(Port):
    kind = "pcap"
    receive = kernels.receive
    transmit = kernels.transmit
    options = frozenset({"in", "out", "loop"})

    def __init__(self, spec: PortSpec, slot: int, pool: Pool, queues: int) -> None:
        super().__init__(spec, slot, pool, 1)
        if not {"in", "out"} & set(spec.options):
            raise PortError(f"port {spec.name}: kind pcap needs in=FILE, out=FILE or both")
        self.hw_addr = bytes((2, 0, 0, 0, slot >> 8 & 0xFF, slot & 0xFF))
        self.scratch = np.zeros(6 + BURST, np.int64)
        self.fds: list[int] = []
        try:
            self._open(self.rows[0], self.scratch.ctypes.data)
        except (OSError, PortError):
            self.close()
            raise
        self.refresh()

    def _open(self, row: Words, scratch: int) -> None:
        source, target = self.spec.options.get("in"), self.spec.options.get("out")
        row[kernels.R_NEVER] = self._keep(never_ready())
        row[kernels.R_FILE] = row[kernels.T_FILE] = -1
        row[columns.P_FD] = self._keep(always_ready() if source is not None else never_ready())
        row[kernels.R_RECORD], row[kernels.T_TIME], row[kernels.T_FRAMES] = scratch, scratch + 32, scratch + 48
        if source is not None:
            fd, swapped = open_input(self.name, source)
            row[kernels.R_FILE], row[kernels.R_SWAP] = self._keep(fd), swapped
            row[kernels.R_OFFSET] = kernels.FILE_HEADER
            row[kernels.R_LOOPS] = int(self.spec.number("loop", 1, 0, FOREVER)) or FOREVER
        if target is not None:
            row[kernels.T_FILE] = self._keep(create_output(target))

    def _keep(self, fd: int) -> int:
        self.fds.append(fd)
        return fd

    def close(self) -> None:
        while self.fds:
            os.close(self.fds.pop())
