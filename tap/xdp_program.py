"""The XDP program that hands an interface's packets to AF_XDP sockets: made of bytes, loaded with bpf(2), no libbpf.

It is six instructions: `return bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_PASS)`. A queue without a
socket passes its packets to the host's stack. It is attached by a BPF link, which the kernel takes away with
the last descriptor of it, thus also when the process is killed; a kernel older than 5.9 has no links for XDP.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import struct
import time
from collections.abc import Iterator

from triplane.tap.port import PortError

SYS_BPF = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "ppc64le": 361}
BPF_MAP_CREATE = 0  # linux/bpf.h, enum bpf_cmd
BPF_MAP_UPDATE_ELEM = 2
BPF_PROG_LOAD = 5
BPF_LINK_CREATE = 28
BPF_MAP_TYPE_XSKMAP = 17
BPF_PROG_TYPE_XDP = 6
BPF_XDP = 37  # enum bpf_attach_type
BPF_F_XDP_HAS_FRAGS = 1 << 5
XDP_FLAGS_SKB_MODE = 2  # linux/if_link.h
XDP_FLAGS_DRV_MODE = 4
XDP_PASS = 2
LDX_W, LD_IMM64, MOV_K, CALL, EXIT = 0x61, 0x18, 0xB7, 0x85, 0x95  # opcodes
BPF_PSEUDO_MAP_FD = 1
FUNC_REDIRECT_MAP = 51
RX_QUEUE_INDEX = 16  # offset in struct xdp_md
MODES = {"native": XDP_FLAGS_DRV_MODE, "generic": XDP_FLAGS_SKB_MODE}
ATTR_BYTES = 144
TAKEN = (errno.EBUSY, errno.EEXIST)  # another program is attached
ATTACH_PATIENCE = 0.5  # seconds: the link of a process that was killed goes a moment after it

_libc = ctypes.CDLL(None, use_errno=True)


def bpf(command: int, attributes: bytes) -> int:
    """bpf(2); raises OSError."""
    number = SYS_BPF.get(platform.machine())
    if number is None:
        raise OSError(errno.ENOSYS, f"bpf(2) has no known number on {platform.machine()}")
    buffer = ctypes.create_string_buffer(attributes, ATTR_BYTES)
    result = int(_libc.syscall(number, command, buffer, ATTR_BYTES))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def instruction(code: int, target: int = 0, source: int = 0, offset: int = 0, value: int = 0) -> bytes:
    return struct.pack("=BBhi", code, target | source << 4, offset, value)


def redirect_code(sockets: int) -> bytes:
    """The program, for the map with descriptor `sockets`."""
    return b"".join(
        (
            instruction(LDX_W, 2, 1, RX_QUEUE_INDEX),
            instruction(LD_IMM64, 1, BPF_PSEUDO_MAP_FD, value=sockets),
            instruction(0),
            instruction(MOV_K, 3, value=XDP_PASS),
            instruction(CALL, value=FUNC_REDIRECT_MAP),
            instruction(EXIT),
        )
    )


def create_sockets_map(queues: int) -> int:
    return bpf(BPF_MAP_CREATE, struct.pack("=IIII", BPF_MAP_TYPE_XSKMAP, 4, 4, queues))


def load_program(sockets: int, flags: int) -> int:
    code = redirect_code(sockets)
    text, terms = ctypes.create_string_buffer(code), ctypes.create_string_buffer(b"Apache-2.0")
    where = (ctypes.addressof(text), ctypes.addressof(terms))
    head = struct.pack("=IIQQIIQII", BPF_PROG_TYPE_XDP, len(code) // 8, *where, 0, 0, 0, 0, flags)
    return bpf(BPF_PROG_LOAD, head + b"triplane".ljust(16, b"\0") + struct.pack("=II", 0, BPF_XDP))


HINTS = {
    ("attach", errno.EBUSY): "another program is on it: end its process, or ip link set dev {name} xdp off",
    ("attach", errno.EEXIST): "another program is on it in the other mode: end its process, or take that mode",
    ("attach", errno.EOPNOTSUPP): "its driver has no native XDP: use attach=generic",
    (
        "attach",
        errno.EINVAL,
    ): "its MTU or an offload (LRO, hardware GRO) may be in the way, or the kernel is before 5.9",
    ("load", errno.EPERM): "needs root outside any user namespace (CAP_BPF, CAP_NET_ADMIN): else use kind packet",
    ("map", errno.EPERM): "needs root outside any user namespace (CAP_BPF, CAP_NET_ADMIN): else use kind packet",
    ("umem", errno.ENOBUFS): "raise the limit of locked memory: ulimit -l unlimited",
    ("bind", errno.EBUSY): "another socket has the queue",
    ("bind", errno.EINVAL): "it has no such queue, or does not take the asked mode",
    ("bind", errno.EOPNOTSUPP): "its driver has no zero-copy, or none for jumbo frames: use mode=copy",
}
DOING = {
    "socket": "cannot open an AF_XDP socket",
    "map": "cannot create the socket map",
    "load": "cannot load the XDP program",
    "attach": "cannot attach the XDP program",
    "umem": "cannot register the frame memory with AF_XDP",
    "bind": "cannot bind an AF_XDP socket",
    "rings": "cannot set up AF_XDP rings",
    "enter": "cannot put the socket into the XDP program's map",
}


@contextlib.contextmanager
def explain(name: str, step: str) -> Iterator[None]:
    """Turn an OSError of a step into a PortError that says what to do."""
    try:
        yield
    except OSError as error:
        hint = HINTS.get((step, error.errno or 0), "").format(name=name)
        failure = PortError.of(name, DOING[step], error)
        raise (PortError(f"{failure}; {hint}") if hint else failure) from error


class XdpProgram:
    """The program on one interface, until `close` or the end of the process. Made inside the interface's namespace."""

    def __init__(self, name: str, index: int, queues: int, attach: str) -> None:
        """`attach` is auto, native or generic. Raises PortError."""
        self.name = name
        self.fds: list[int] = []
        try:
            with explain(name, "map"):
                self.sockets = self._keep(create_sockets_map(queues))
            with explain(name, "load"):
                self.segments, program = self._load()
            with explain(name, "attach"):
                self.mode = self._attach(program, index, attach)
        except PortError:
            self.close()
            raise

    def _keep(self, fd: int) -> int:
        self.fds.append(fd)
        return fd

    def _load(self) -> tuple[bool, int]:
        """With packets that span buffers where the kernel knows them (5.18), so that jumbo frames come."""
        try:
            return True, self._keep(load_program(self.sockets, BPF_F_XDP_HAS_FRAGS))
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
        return False, self._keep(load_program(self.sockets, 0))

    def _attach(self, program: int, index: int, attach: str) -> str:
        if attach == "auto":
            try:
                return self._attach(program, index, "native")
            except OSError as error:
                if error.errno in TAKEN or error.errno == errno.EPERM:
                    raise
            attach = "generic"
        deadline = time.monotonic() + ATTACH_PATIENCE
        while True:
            try:
                self._keep(bpf(BPF_LINK_CREATE, struct.pack("=IIII", program, index, BPF_XDP, MODES[attach])))
            except OSError as error:
                if error.errno not in TAKEN or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return attach

    def enter(self, queue: int, socket: int) -> None:
        """Packets of `queue` go to AF_XDP socket `socket` from now on."""
        key, value = ctypes.c_uint32(queue), ctypes.c_uint32(socket)
        where = (ctypes.addressof(key), ctypes.addressof(value))
        with explain(self.name, "enter"):
            bpf(BPF_MAP_UPDATE_ELEM, struct.pack("=I4xQQQ", self.sockets, *where, 0))

    def close(self) -> None:
        while self.fds:
            os.close(self.fds.pop())
