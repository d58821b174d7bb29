"""The row of one port queue, int64[PORT_WORDS], and what a port's two kernels promise.

`receive(row, pool, batch, limit)` and `transmit(row, pool, batch, count)` are `entry` kernels: all four
arguments are int64, the first three addresses. A receive batch is int64[limit, PACKET_WORDS], a transmit
batch int64[count, FRAME_WORDS] (see `packet`). Inside, `view_words(row, PORT_WORDS)`,
`view_words(pool, load64(pool + 8 * POOL_WORDS))`, `view_rows(batch, limit, PACKET_WORDS)` and
`view_bytes(load64(pool + 8 * POOL_MEM), ...)` give arrays.

 - receive fills the frame columns of up to `limit` rows with frames it takes from the pool, VLAN tags in
   their bytes, counts them in the row, and returns how many. It never blocks.
 - transmit owns the `count` frames: sends them, gives each slot back to the pool (at once or on completion),
   counts what was sent and dropped, and returns how many were sent. It never blocks. The engine has
   already segmented, completed checksums and padded as P_CAPS asks, and holds P_LOCK.
 - one worker receives from a queue; P_LOCK serialises transmitters.
"""

P_FD = 0  # for poll(2); -1: always ready (a file)
P_SLOT = 1  # = OpenFlow port number
P_RECEIVE = 2  # address of the receive kernel
P_TRANSMIT = 3  # address of the transmit kernel
P_CAPS = 4  # CAP_*: what transmit takes as it is
P_MTU = 5  # longest frame it sends, bytes without VLAN tags (MTU + 14); a GSO frame is exempt
P_UP = 6  # 1 while the link is up
P_LOCK = 7  # transmit lock
P_QUEUE = 8  # index of this queue in its port
P_CPU_IDLE = 9  # 1 if poll(2) must not be relied on for P_FD

# counters (each in frames or bytes); receive ones have one writer, transmit ones are under P_LOCK
P_RX_PACKETS = 16
P_RX_BYTES = 17
P_RX_DROPPED = 18  # no frame free, or ring full where the kernel tells
P_RX_ERRORS = 19
P_RX_TRUNCATED = 20  # longer than a slot holds
P_TX_PACKETS = 21
P_TX_BYTES = 22
P_TX_DROPPED = 23  # ring or socket full
P_TX_ERRORS = 24  # the system call failed for another reason
P_TX_TOO_LONG = 25  # over P_MTU (counted by the engine)
P_PRIVATE = 32  # columns of the port kind's own

PORT_WORDS = 128

CAP_CSUM = 1  # takes CSUM_PARTIAL
CAP_TSO4 = 2  # takes GSO_TCPV4
CAP_TSO6 = 4
CAP_USO = 8  # takes GSO_UDP_L4
