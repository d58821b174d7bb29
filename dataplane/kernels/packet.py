"""The row that describes one packet: int64[PACKET_WORDS].

Columns 0-7 are the *frame*: what a port receives and transmits, one cache line. The rest is the
pipeline's: where the packet came from, and where its headers are.

Bytes live in the pool's memory `mem` (uint8), at `mem[row[ADDR] : row[ADDR] + row[LENGTH]]`, in network
order, starting at the Ethernet destination; VLAN tags are always in the bytes. Each frame has at least
HEADROOM free bytes before it, for pushed headers.
"""

# the frame: what crosses the border to a port
ADDR = 0  # offset of the first byte in the pool's memory
LENGTH = ADDR + 1  # bytes, without FCS
PORT = LENGTH + 1  # slot of the port it came from (receive) or leaves by (transmit)
CSUM = PORT + 1  # CSUM_*: state of the layer-4 checksum
CSUM_START = CSUM + 1  # CSUM_PARTIAL: where the sum begins, bytes from ADDR
CSUM_OFFSET = CSUM_START + 1  # CSUM_PARTIAL: where the result goes, bytes from ADDR + CSUM_START
GSO_TYPE = CSUM_OFFSET + 1  # virtio_net_hdr gso_type: GSO_*, 0 for a plain frame
GSO_SIZE = GSO_TYPE + 1  # bytes of payload in each segment
FRAME_WORDS = GSO_SIZE + 1

CSUM_NONE = 0  # the bytes hold a checksum that may be right or wrong
CSUM_PARTIAL = 1  # the field holds the sum of the pseudo header only (VIRTIO_NET_HDR_F_NEEDS_CSUM)
CSUM_VALID = 2  # someone verified it (VIRTIO_NET_HDR_F_DATA_VALID)

GSO_NONE = 0  # linux/virtio_net.h
GSO_TCPV4 = 1
GSO_UDP = 3
GSO_TCPV6 = 4
GSO_UDP_L4 = 5
GSO_ECN = 0x80

# pipeline fields
IN_PORT = FRAME_WORDS  # OpenFlow port number
METADATA = IN_PORT + 1
TUNNEL_ID = METADATA + 1
QUEUE = TUNNEL_ID + 1  # set_queue
TABLE = QUEUE + 1  # table of the last match
COOKIE = TABLE + 1  # of the flow entry that matched last
REASON = COOKIE + 1  # OFPR_* of an output to the controller, which is one of what executes the action
HASH = REASON + 1  # flow hash, 0 = not yet computed

# layout: offsets in bytes from ADDR, -1 when absent; filled by parse
L3 = HASH + 1  # IPv4, IPv6 or ARP header
L4 = L3 + 1  # TCP, UDP, SCTP, ICMP header; -1 in a later fragment and behind MPLS or PBB
TYPE_AT = L4 + 1  # where the EtherType of the payload stands (after all VLAN tags)
VLAN_AT = TYPE_AT + 1  # the outermost VLAN tag (its TPID)
MPLS_AT = VLAN_AT + 1  # the outermost MPLS label stack entry
PBB_AT = MPLS_AT + 1  # the I-TAG (its EtherType 0x88e7)
ETH_TYPE = PBB_AT + 1  # EtherType of the payload, as a number
PROTO = ETH_TYPE + 1  # final IP protocol number, -1 when not IP
FRAGMENT = PROTO + 1  # FRAG_*
ND_SLL_AT = FRAGMENT + 1  # address bytes of the ND source link-layer option
ND_TLL_AT = ND_SLL_AT + 1  # ... target link-layer option
PROTO_AT = ND_TLL_AT + 1  # the byte that holds PROTO (IPv6: of the last extension header)
PAYLOAD = PROTO_AT + 1  # IP payload: after the IPv4 header with options, after all IPv6 extension headers
IP_END = PAYLOAD + 1  # end of the IP datagram: what follows it in the frame is padding
EXTHDR = IP_END + 1  # OFPIEH_* bits of an IPv6 packet, else 0

# the walk: owned by `pipeline`
PENDING = EXTHDR + 1  # port it will leave by unless it is changed first, 0 = none (see `execute`)
GROUP = PENDING + 1  # group slot + 1 whose buckets are still to run; 0 = none
BLOCK = GROUP + 1  # the group's buckets as they were when the packet came to it
BUCKET = BLOCK + 1  # next bucket of it
FLOW = BUCKET + 1  # the flow that sent it to the group, for the cookie of a packet-in

# what Nicira's actions keep with a packet (see `registers`)
REGS = FLOW + 1  # bit 0: they are in use, else all are zero and MARK and REG hold nothing; above: values on its stack
LEAVES = REGS + 1  # slot of the port that it leaves by, once it is in the egress tables (EGRESS in REGS)
SET = LEAVES + 1  # on the stack: bits of the slots in its action set (see `kept`)
MARK = SET + 1  # pkt_mark in the high half, as in the key
REG = MARK + 1  # eight words: reg0:32 reg1:32 ... as in the key
PACKET_WORDS = REG + 8

FRAG_NONE = 0
FRAG_FIRST = 1  # offset 0, more to come: has its layer-4 header
FRAG_LATER = 2

MAX_PORTS = 256  # port slots; OpenFlow port number n lives in slot n, slot 0 is OFPP_LOCAL
BURST = 64  # frames in a batch, at most
