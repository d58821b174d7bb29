"""Plays frames out of a file from inside the kernel: `python -m tests.bench.generators.live IFACE FRAMES [--new]`.

A BPF program is run over and over on live frames (BPF_PROG_RUN with BPF_F_TEST_XDP_LIVE_FRAMES, Linux 5.18): it
writes the next frame of a map over its packet and redirects that to the interface. Some 10 million packets per second
and core. A veth takes such frames only if its other end has an XDP program or `ethtool -K PEER gro on`.

FRAMES holds frames of 60 bytes in slots of 64. With --new the UDP ports are a hash of a counter: no flow comes
twice within 4 billion packets (the frames must have no UDP checksum).
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import socket
import struct
from pathlib import Path

from triplane.tap.xdp_program import BPF_MAP_CREATE, BPF_PROG_LOAD, BPF_PROG_TYPE_XDP, bpf, instruction

FRAME, SLOT = 60, 64  # bytes
UDP_PORTS = 34  # offset
BPF_PROG_RUN = 10  # linux/bpf.h, enum bpf_cmd
BPF_MAP_UPDATE_BATCH = 26
BPF_MAP_TYPE_ARRAY = 2
BPF_F_TEST_XDP_LIVE_FRAMES = 2
BATCH = 64  # packets
REPEAT = 1 << 28  # packets in one system call
LDX_W, LDX_DW, STX_H, STX_W, STX_DW, ST_W = 0x61, 0x79, 0x6B, 0x63, 0x7B, 0x62  # opcodes
MOV_X, MOV_K, ADD_K, MOD_K, RSH_K, MUL32_K = 0xBF, 0xB7, 0x07, 0x97, 0x77, 0x24
LD_IMM64, CALL, EXIT, JGT_X, JEQ_K = 0x18, 0x85, 0x95, 0x2D, 0x15
MAP_LOOKUP, REDIRECT = 1, 23  # enum bpf_func_id
XDP_DROP = 1
GOLDEN = 0x9E3779B1 - (1 << 32)  # odd, so that multiplying by it is a bijection of 32-bit numbers
STACK = -4  # offset of the key from the frame pointer
JUMPS = (JGT_X, JEQ_K)


def lookup(table: int) -> list[bytes]:
    """r0 = value of the key on the stack; to the end when there is none."""
    return [
        instruction(LD_IMM64, 1, 1, value=table),
        instruction(0),
        instruction(MOV_X, 2, 10),
        instruction(ADD_K, 2, value=STACK),
        instruction(CALL, value=MAP_LOOKUP),
        instruction(JEQ_K, 0),
    ]


def count(counter: int) -> list[bytes]:
    """r9 = how many packets were before this one."""
    return [
        instruction(ST_W, 10, offset=STACK),
        *lookup(counter),
        instruction(LDX_DW, 9, 0),
        instruction(MOV_X, 1, 9),
        instruction(ADD_K, 1, value=1),
        instruction(STX_DW, 0, 1),
    ]


def copy() -> list[bytes]:
    """The frame at r0 over the packet at r7. A page comes again as the path left it, thus all of it."""
    words = []
    for at in range(0, FRAME - 4, 8):
        words += [instruction(LDX_DW, 1, 0, at), instruction(STX_DW, 7, 1, at)]
    return [*words, instruction(LDX_W, 1, 0, FRAME - 4), instruction(STX_W, 7, 1, FRAME - 4)]


def new_ports() -> list[bytes]:
    """Both UDP ports from the counter."""
    return [
        instruction(MUL32_K, 9, value=GOLDEN),
        instruction(STX_H, 7, 9, UDP_PORTS),
        instruction(RSH_K, 9, value=16),
        instruction(STX_H, 7, 9, UDP_PORTS + 2),
    ]


def program(frames: int, counter: int, number: int, index: int, new: bool) -> bytes:
    """For maps `frames` (of `number` frames) and `counter`, to the interface with `index`."""
    code = [
        instruction(LDX_W, 7, 1, 0),  # xdp_md.data
        instruction(LDX_W, 8, 1, 4),  # xdp_md.data_end
        instruction(MOV_X, 1, 7),
        instruction(ADD_K, 1, value=FRAME),
        instruction(JGT_X, 1, 8),
        *count(counter),
        instruction(MOV_X, 1, 9),
        instruction(MOD_K, 1, value=number),
        instruction(STX_W, 10, 1, STACK),
        *lookup(frames),
        *copy(),
        *(new_ports() if new else []),
        instruction(MOV_K, 1, value=index),
        instruction(MOV_K, 2),
        instruction(CALL, value=REDIRECT),
        instruction(EXIT),
    ]
    landed = [aim(word, len(code) - at - 1) if word[0] in JUMPS else word for at, word in enumerate(code)]
    return b"".join([*landed, instruction(MOV_K, 0, value=XDP_DROP), instruction(EXIT)])


def aim(jump: bytes, distance: int) -> bytes:
    """The jump with its distance, in instructions after it."""
    return jump[:2] + struct.pack("=h", distance) + jump[4:]


def create_array(value_size: int, entries: int) -> int:
    return bpf(BPF_MAP_CREATE, struct.pack("=IIII", BPF_MAP_TYPE_ARRAY, 4, value_size, entries))


def fill(table: int, data: bytes) -> None:
    number = len(data) // SLOT
    keys = (ctypes.c_uint32 * number)(*range(number))
    values = ctypes.create_string_buffer(data, len(data))
    where = (ctypes.addressof(keys), ctypes.addressof(values))
    bpf(BPF_MAP_UPDATE_BATCH, struct.pack("=QQQQIIQQ", 0, 0, *where, number, table, 0, 0))


def load(code: bytes) -> int:
    """Raises OSError; the verifier's reasons go to standard output."""
    text, terms = ctypes.create_string_buffer(code), ctypes.create_string_buffer(b"GPL")
    log = ctypes.create_string_buffer(1 << 16)
    head = struct.pack("=IIQQ", BPF_PROG_TYPE_XDP, len(code) // 8, ctypes.addressof(text), ctypes.addressof(terms))
    try:
        return bpf(BPF_PROG_LOAD, head + struct.pack("=IIQ", 1, len(log), ctypes.addressof(log)))
    except OSError:
        print(log.value.decode(), flush=True)
        raise


def run(loaded: int) -> None:
    """Until a signal ends the process."""
    frame = ctypes.create_string_buffer(bytes(FRAME), FRAME)
    head = struct.pack("=IIIIQQII", loaded, 0, FRAME, 0, ctypes.addressof(frame), 0, REPEAT, 0)
    tail = struct.pack("=IIQQIII", 0, 0, 0, 0, BPF_F_TEST_XDP_LIVE_FRAMES, 0, BATCH)
    while True:
        try:
            bpf(BPF_PROG_RUN, head + tail)
        except OSError as error:  # stopped, and continued
            if error.errno != errno.EINTR:
                raise


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("interface")
    parser.add_argument("frames", type=Path)
    parser.add_argument("--new", action="store_true", help="every packet a new flow")
    arguments = parser.parse_args()
    data = arguments.frames.read_bytes()
    frames, counter = create_array(SLOT, len(data) // SLOT), create_array(8, 1)
    fill(frames, data)
    index = socket.if_nametoindex(arguments.interface)
    loaded = load(program(frames, counter, len(data) // SLOT, index, arguments.new))
    print("ready", flush=True)
    run(loaded)


if __name__ == "__main__":
    main()
