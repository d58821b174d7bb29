"""Which of several ways a packet takes: Nicira's multipath, bundle and bundle_load, as ovs-actions(7) tells them.

What is hashed and how a link follows from the hash is said there; the hash itself is not, and ours is this: numbers of
64 bits are mixed by MurmurHash3's finaliser, and two of them give 32 bits (`paired`).
"""

from __future__ import annotations

from tests.oracle.groups import MASK, mixed
from tests.oracle.parse import parse

FIELDS = ["eth_src", "symmetric_l4", "symmetric_l3l4", "symmetric_l3l4+udp", "nw_src", "nw_dst", "symmetric_l3"]
ALGORITHMS = ["modulo_n", "hash_threshold", "hrw", "iter_hash"]
ACTIVE_BACKUP, BUNDLE_HRW = range(2)
MAX_HASH = 2**32 - 1
GOLDEN = 0x9E3779B97F4A7C15  # 2**64 divided by the golden ratio
OFPP_NONE = 0xFFFF
IP = {0x0800: "ipv4", 0x86DD: "ipv6"}
PORTS = {6: "tcp", 132: "sctp"}  # by ip_proto


def paired(first: int, second: int) -> int:
    return mixed((first + 1) * GOLDEN & MASK ^ second) & MAX_HASH


def hashed(frame: bytes, fields: str, basis: int) -> int:
    """32 bits of what `fields` names."""
    header = parse(frame).fields
    if fields == "eth_src":
        return paired(basis, header["eth_src"])
    if fields in ("nw_src", "nw_dst"):
        return paired(basis, addresses(header, fields[3:]))
    value = addresses(header, "src", "dst")
    if fields != "symmetric_l3":
        value = mixed(value) ^ protocol(header, PORTS | ({17: "udp"} if fields == "symmetric_l3l4+udp" else {}))
    return paired(basis, mixed(value) ^ link_layer(header) if fields == "symmetric_l4" else value)


def addresses(header: dict[str, int], *ends: str) -> int:
    """Of IPv4 or IPv6; nothing of anything else."""
    value = 0
    for end in ends:
        value ^= header.get(f"{IP.get(header['eth_type'])}_{end}", 0)
    return mixed(value >> 64) ^ value & MASK if header["eth_type"] == 0x86DD else value


def protocol(header: dict[str, int], ported: dict[int, str]) -> int:
    """IP protocol and, of those that have them, ports."""
    if header["eth_type"] not in IP:
        return 0
    number = header.get("ip_proto", 0)
    source, target = (header.get(f"{ported.get(number)}_{end}", 0) for end in ("src", "dst"))
    return number << 16 | source ^ target


def link_layer(header: dict[str, int]) -> int:
    vlan = header.get("vlan_vid", 0) & 0xFFF
    return mixed(header["eth_src"] ^ header["eth_dst"]) ^ header["eth_type"] << 16 ^ vlan


def link(number: int, algorithm: str, links: int, argument: int = 0) -> int:
    """Of links 0 to `links` - 1, by the hash."""
    if algorithm == "modulo_n":
        return number % links
    if algorithm == "hash_threshold":
        region = MAX_HASH // links + 1
        return next(each for each in range(links) if number < (each + 1) * region)
    if algorithm == "hrw" and links <= 64:
        return max(range(links), key=lambda each: (paired(number, each), -each))
    return iterated(number, links, argument if algorithm == "iter_hash" else 0)


def iterated(number: int, links: int, modulo: int) -> int:
    """A modulo that is too small, or more than twice as large as it need be, is replaced by the least power of two."""
    if modulo < links or modulo // 2 > links:
        modulo = 1 << (links - 1).bit_length()
    turn = 0
    while paired(number, turn) % modulo >= links:
        turn += 1
    return paired(number, turn) % modulo


def member(number: int, algorithm: int, members: list[int], live: set[int]) -> int:
    """The port of a bundle, by the hash, of those that are live; OFPP_NONE if none is."""
    usable = [at for at, port in enumerate(members) if port in live]
    if not usable:
        return OFPP_NONE
    if algorithm == ACTIVE_BACKUP:
        return members[usable[0]] & 0xFFFF
    return members[max(usable, key=lambda at: (paired(at, number), -at))] & 0xFFFF
