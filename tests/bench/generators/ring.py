"""Plays frames out of a file through AF_PACKET: `python -m tests.bench.generators.ring IFACE FRAMES [--pps N]`.

All frames lie in a TPACKET_V2 transmit ring that is shared with the kernel, so that sending is only to mark them.
FRAMES holds frames of 60 bytes in slots of 64.
"""

from __future__ import annotations

import argparse
import mmap
import socket
import struct
import time
from pathlib import Path

import numpy as np

FRAME, SLOT = 60, 64  # bytes, in the file
RING_SLOT = 128  # bytes, in the ring
DATA = 32  # offset in a slot of the ring: TPACKET2_HDRLEN - sizeof(struct sockaddr_ll)
BLOCK = 1 << 16  # bytes
SOL_PACKET, PACKET_VERSION, PACKET_TX_RING, PACKET_LOSS, PACKET_QDISC_BYPASS = 263, 10, 13, 14, 20  # linux/if_packet.h
TPACKET_V2 = 1
AVAILABLE, SEND_REQUEST = 0, 1  # tp_status
BATCH = 256  # packets
TICKS = 1000  # batches a second, when the rate is limited


def open_ring(interface: str, slots: int) -> tuple[socket.socket, np.ndarray]:
    """A socket and its ring, one row a slot."""
    sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    for option, value in ((PACKET_VERSION, TPACKET_V2), (PACKET_QDISC_BYPASS, 1), (PACKET_LOSS, 1)):
        sender.setsockopt(SOL_PACKET, option, value)
    size = slots * RING_SLOT
    sender.setsockopt(SOL_PACKET, PACKET_TX_RING, struct.pack("=IIII", BLOCK, size // BLOCK, RING_SLOT, slots))
    sender.bind((interface, 0))
    return sender, np.frombuffer(mmap.mmap(sender.fileno(), size), np.uint8).reshape(slots, RING_SLOT)


def fill(ring: np.ndarray, frames: np.ndarray) -> None:
    """The frames, over and over, as often as they fit."""
    for first in range(0, len(ring), len(frames)):
        part = ring[first : first + len(frames)]
        part[:, DATA : DATA + FRAME] = frames[: len(part), :FRAME]
    ring.view(np.uint32)[:, 1] = FRAME  # tp_len


def run(sender: socket.socket, ring: np.ndarray, pps: float) -> None:
    """Until a signal ends the process. `pps` 0: as fast as it goes."""
    status = ring.view(np.uint32)[:, 0]
    batch = min(BATCH, max(1, round(pps / TICKS))) if pps else BATCH
    at, due = 0, time.monotonic()
    while True:
        end = min(at + batch, len(ring))
        if (status[at:end] == AVAILABLE).all():
            status[at:end] = SEND_REQUEST
            at = end % len(ring)
        sender.send(b"")
        if pps:
            due = max(due + batch / pps, time.monotonic() - 0.01)
            time.sleep(max(0.0, due - time.monotonic()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("interface")
    parser.add_argument("frames", type=Path)
    parser.add_argument("--pps", type=float, default=0.0, help="packets per second; 0, the default: all that go")
    arguments = parser.parse_args()
    frames = np.fromfile(arguments.frames, np.uint8).reshape(-1, SLOT)
    slots_of_block = BLOCK // RING_SLOT
    sender, ring = open_ring(arguments.interface, -(-len(frames) // slots_of_block) * slots_of_block)
    fill(ring, frames)
    print("ready", flush=True)
    run(sender, ring, arguments.pps)


if __name__ == "__main__":
    main()
