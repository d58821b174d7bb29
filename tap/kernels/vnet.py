"""struct virtio_net_hdr to the frame columns of a packet row, and back (linux/virtio_net.h; native byte order).

Bytes: flags 0, gso_type 1, hdr_len 2-3, gso_size 4-5, csum_start 6-7, csum_offset 8-9, and in the form of 12 bytes
num_buffers 10-11. The header stands directly before the frame, so that one system call takes both.
"""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.machine import load32, load64, store32, store64
from triplane.dataplane.kernels.packet import (
    CSUM,
    CSUM_NONE,
    CSUM_OFFSET,
    CSUM_PARTIAL,
    CSUM_START,
    CSUM_VALID,
    GSO_SIZE,
    GSO_TYPE,
    GSO_UDP,
    GSO_UDP_L4,
)
from triplane.dataplane.kernels.pool import Words

VNET_SHORT = 10  # what AF_PACKET uses
VNET_LONG = 12  # what TUN is told to use: the form of virtio 1.0
NEEDS_CSUM = 1
DATA_VALID = 2


@kernel
def load_vnet(frame: Words, at: int) -> None:
    """Offload columns of `frame` from the header at address `at`."""
    word = load64(at)
    flags = word & 0xFF
    frame[CSUM] = CSUM_PARTIAL if flags & NEEDS_CSUM else (CSUM_VALID if flags & DATA_VALID else CSUM_NONE)
    frame[GSO_TYPE] = word >> 8 & 0xFF
    frame[GSO_SIZE] = word >> 32 & 0xFFFF
    frame[CSUM_START] = word >> 48 & 0xFFFF
    frame[CSUM_OFFSET] = load32(at + 8) & 0xFFFF


@kernel
def header_length(frame: Words, at: int) -> int:
    """Bytes of all headers of a GSO frame at address `at`; 0 for a plain one. The kernel keeps that much linear."""
    kind = frame[GSO_TYPE]
    if kind == 0 or frame[CSUM] != CSUM_PARTIAL:
        return 0
    l4 = frame[CSUM_START]
    if kind in (GSO_UDP, GSO_UDP_L4):
        return l4 + 8
    return l4 + (load32(at + l4 + 12) >> 4 & 15) * 4


@kernel
def store_short(frame: Words, at: int) -> None:
    """The 10-byte header into at-10..at; the two bytes before it are lost."""
    partial = frame[CSUM] == CSUM_PARTIAL
    store32(at - 12, (NEEDS_CSUM if partial else 0) << 16 | frame[GSO_TYPE] << 24)
    word = header_length(frame, at) | frame[GSO_SIZE] << 16
    if partial:
        word |= frame[CSUM_START] << 32 | frame[CSUM_OFFSET] << 48
    store64(at - 8, word)


@kernel
def store_long(frame: Words, at: int) -> None:
    """The 12-byte header into at-12..at."""
    partial = frame[CSUM] == CSUM_PARTIAL
    word = (
        (NEEDS_CSUM if partial else 0) | frame[GSO_TYPE] << 8 | header_length(frame, at) << 16 | frame[GSO_SIZE] << 32
    )
    store64(at - 12, word | (frame[CSUM_START] << 48 if partial else 0))
    store32(at - 4, frame[CSUM_OFFSET] if partial else 0)
