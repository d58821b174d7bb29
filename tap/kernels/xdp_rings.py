"""AF_XDP rings, driven from compiled code (linux/if_xdp.h, Documentation/networking/af_xdp.rst).

Four rings shared with the kernel: *receive* and *transmit* hold descriptors (address, length, options: 16 bytes),
*fill* and *done* (completion) hold addresses (8 bytes). An address is an offset in the UMEM, which is the
small part of the pool's memory, so it is the pool's own address, and a frame that came in by one xdp port leaves by
another untouched. Ring indices are free-running 32-bit counts; entries are a power of two.

Who writes: fill producer, receive consumer: the one worker that receives. Transmit producer, done consumer: whoever
holds P_LOCK. Their private columns lie in different cache lines.

Invariant: `owned` has one byte for each chunk of the UMEM: FREE here, TO_FILL while the kernel may receive
into it, TO_SEND while it may read from it. What the kernel hands back is believed only if that byte agrees, and
closing a port returns to the pool what is still marked.

A packet longer than a chunk comes as several descriptors (XDP_USE_SG), joined in a big slot; a big one leaves so too.
"""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.machine import store32, store64
from triplane.dataplane.kernels.pool import SMALL_SHIFT, Bytes, Words
from triplane.dataplane.kernels.port import P_PRIVATE

# set once, read by both sides
X_MASK = P_PRIVATE  # entries of each ring - 1
X_UMEM = X_MASK + 1  # bytes of the UMEM
X_OWNED = X_UMEM + 1  # address of uint8[chunks]
X_META = X_OWNED + 1  # bytes of transmit metadata before a frame, 0 if the kernel takes none
X_PARTIAL = X_META + 1  # 1: look for checksums that a virtual device left partial
X_SEGMENTS = X_PARTIAL + 1  # descriptors that one packet may take
X_TARGET = X_SEGMENTS + 1  # frames to keep in the fill ring
X_STATISTICS = X_TARGET + 1  # address of struct xdp_statistics and an int for its length
# receive side; *_AT are addresses
X_RX_PRODUCER_AT = P_PRIVATE + 8
X_RX_CONSUMER_AT = X_RX_PRODUCER_AT + 1
X_RX_RING_AT = X_RX_CONSUMER_AT + 1
X_FILL_PRODUCER_AT = X_RX_RING_AT + 1
X_FILL_FLAGS_AT = X_FILL_PRODUCER_AT + 1
X_FILL_RING_AT = X_FILL_FLAGS_AT + 1
X_RX_SCRATCH_AT = X_FILL_RING_AT + 1  # int64[SCRATCH]
X_RX_TAIL = X_RX_SCRATCH_AT + 1  # our count of receive descriptors consumed
X_FILL_HEAD = X_RX_TAIL + 1  # ... of fill entries produced
X_FILLED = X_FILL_HEAD + 1  # frames that the kernel holds for receiving
X_EMPTY = X_FILLED + 1  # receive calls in a row that found nothing
X_BURSTS = X_EMPTY + 1  # receive calls that found something
# transmit side
X_TX_PRODUCER_AT = P_PRIVATE + 24
X_TX_CONSUMER_AT = X_TX_PRODUCER_AT + 1
X_TX_FLAGS_AT = X_TX_CONSUMER_AT + 1
X_TX_RING_AT = X_TX_FLAGS_AT + 1
X_DONE_PRODUCER_AT = X_TX_RING_AT + 1
X_DONE_CONSUMER_AT = X_DONE_PRODUCER_AT + 1
X_DONE_RING_AT = X_DONE_CONSUMER_AT + 1
X_TX_SCRATCH_AT = X_DONE_RING_AT + 1  # int64[SCRATCH]
X_TX_HEAD = X_TX_SCRATCH_AT + 1  # our count of transmit descriptors produced
X_DONE_TAIL = X_TX_HEAD + 1  # ... of completions consumed

FREE = 0
TO_FILL = 1
TO_SEND = 2

SCRATCH = 256  # addresses moved between a ring and the pool at a time
KICKS = 16  # times to ask the kernel to send what it left in the ring for lack of budget or room
STATISTICS_BURSTS = 1024  # the kernel's drop counts are read once in so many bursts, and
STATISTICS_IDLE = 16  # when the port falls idle

MASK32 = 0xFFFFFFFF
SOL_XDP = 283
XDP_STATISTICS = 7
STATISTICS_BYTES = 48
STAT_RX_DROPPED = 0  # offsets in struct xdp_statistics
STAT_RX_RING_FULL = 24
XDP_RING_NEED_WAKEUP = 1
XDP_PKT_CONTD = 1  # descriptor options
XDP_TX_METADATA = 2
XDP_TXMD_FLAGS_CHECKSUM = 2  # struct xsk_tx_metadata: u64 flags, u16 csum_start, u16 csum_offset


# descriptors
@kernel
def slot_of(ring: int, mask: int, index: int) -> int:
    """Address of descriptor number `index`."""
    return ring + (index & mask) * 16


@kernel
def put(desc: int, addr: int, length: int, options: int) -> None:
    store64(desc, addr)
    store32(desc + 8, length)
    store32(desc + 12, options)


@kernel
def sound(row: Words, owned: Bytes, addr: int, state: int) -> bool:
    """Whether `addr`, from the kernel, is in a chunk that the kernel had in `state`."""
    return 0 <= addr < row[X_UMEM] and owned[addr >> SMALL_SHIFT] == state
