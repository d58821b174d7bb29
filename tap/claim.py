"""Keeps an interface's packets from the host's own stack, once the `packet` port has seen them.

AF_PACKET gives us copies: the host would also answer, route or drop each packet itself, which costs time and can send a
packet twice. So a program of two instructions, `return TCX_DROP`, is attached at the interface's ingress, which
packets pass after AF_PACKET. Its BPF link goes with its last descriptor, thus also when the process is killed.
"""

from __future__ import annotations

import ctypes
import os
import struct

from triplane.tap.namespaces import in_namespace
from triplane.tap.xdp_program import BPF_LINK_CREATE, BPF_PROG_LOAD, EXIT, MOV_K, bpf, instruction

BPF_PROG_TYPE_SCHED_CLS = 3  # linux/bpf.h
BPF_TCX_INGRESS = 46  # Linux 6.6
TCX_DROP = 2


def load_drop() -> int:
    """A descriptor of the program."""
    code = instruction(MOV_K, 0, value=TCX_DROP) + instruction(EXIT)
    text, terms = ctypes.create_string_buffer(code), ctypes.create_string_buffer(b"Apache-2.0")
    where = (ctypes.addressof(text), ctypes.addressof(terms))
    return bpf(BPF_PROG_LOAD, struct.pack("=IIQQ", BPF_PROG_TYPE_SCHED_CLS, len(code) // 8, *where))


def claim(netns: str | None, index: int) -> int:
    """A descriptor; until it is closed, the host's stack gets nothing from interface `index`. Raises OSError."""
    program = load_drop()
    try:
        request = struct.pack("=IIII", program, index, BPF_TCX_INGRESS, 0)
        return in_namespace(netns, lambda: bpf(BPF_LINK_CREATE, request))
    finally:
        os.close(program)
