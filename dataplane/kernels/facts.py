"""What is certain about a packet, as a set of bits: bit PRE_x is set when prerequisite x of `fields` is met.

A match implies facts, and they are computed from its key alone: every prerequisite but VLAN is matched exactly
or not at all, and a field that is not matched is zero, which is no prerequisite's value. Action lists start from them
and change them (`consistency`).
"""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.fields import (
    K_ETH_DST,
    K_ETH_SRC,
    K_IP,
    K_L4,
    K_PORT,
    PRE_ARP,
    PRE_ICMP4,
    PRE_ICMP6,
    PRE_IN_PORT,
    PRE_IP,
    PRE_IPV4,
    PRE_IPV6,
    PRE_MPLS,
    PRE_NA,
    PRE_ND,
    PRE_NONE,
    PRE_NS,
    PRE_PBB,
    PRE_SCTP,
    PRE_TCP,
    PRE_UDP,
    PRE_VLAN,
    VID_PRESENT,
)
from triplane.dataplane.kernels.pool import Words

ANYTHING = 1 << PRE_NONE
VLAN_FACT = 1 << PRE_VLAN
IP_FACT = 1 << PRE_IP
MPLS_FACT = 1 << PRE_MPLS
PBB_FACT = 1 << PRE_PBB
LINK_FACTS = ANYTHING | 1 << PRE_IN_PORT | VLAN_FACT  # those that do not depend on the EtherType
ETHER_FACTS = LINK_FACTS | IP_FACT | 1 << PRE_IPV4 | 1 << PRE_IPV6 | 1 << PRE_ARP | MPLS_FACT | PBB_FACT
PROTO_FACTS = ETHER_FACTS | 1 << PRE_TCP | 1 << PRE_UDP | 1 << PRE_SCTP | 1 << PRE_ICMP4 | 1 << PRE_ICMP6
ALL_FACTS = PROTO_FACTS | 1 << PRE_ND | 1 << PRE_NS | 1 << PRE_NA


@kernel
def facts_of_ether(eth_type: int) -> int:
    if eth_type == 0x0800:
        return IP_FACT | 1 << PRE_IPV4
    if eth_type == 0x86DD:
        return IP_FACT | 1 << PRE_IPV6
    if eth_type == 0x0806:
        return 1 << PRE_ARP
    if eth_type == 0x8847 or eth_type == 0x8848:
        return MPLS_FACT
    return PBB_FACT if eth_type == 0x88E7 else 0


@kernel
def facts_of_proto(facts: int, proto: int) -> int:
    """`facts` with what IP protocol `proto` adds."""
    if facts & IP_FACT == 0:
        return facts
    if proto == 6:
        return facts | 1 << PRE_TCP
    if proto == 17:
        return facts | 1 << PRE_UDP
    if proto == 132:
        return facts | 1 << PRE_SCTP
    if proto == 1 and facts >> PRE_IPV4 & 1:
        return facts | 1 << PRE_ICMP4
    return facts | 1 << PRE_ICMP6 if proto == 58 and facts >> PRE_IPV6 & 1 else facts


@kernel
def facts_of_icmp6(facts: int, icmp_type: int) -> int:
    """`facts` with what ICMPv6 type `icmp_type` adds: neighbour solicitation and advertisement."""
    if facts >> PRE_ICMP6 & 1 == 0:
        return facts
    if icmp_type == 135:
        return facts | 1 << PRE_ND | 1 << PRE_NS
    return facts | 1 << PRE_ND | 1 << PRE_NA if icmp_type == 136 else facts


@kernel
def facts_of_key(key: Words, mask: Words) -> int:
    """What a match says about its packets."""
    facts = ANYTHING | facts_of_ether(key[K_ETH_DST] & 0xFFFF)
    if mask[K_PORT] >> 32 != 0:
        facts |= 1 << PRE_IN_PORT
    if key[K_ETH_SRC] >> 3 & VID_PRESENT:
        facts |= VLAN_FACT
    facts = facts_of_proto(facts, key[K_IP] >> 56 & 0xFF)
    return facts_of_icmp6(facts, key[K_L4] >> 48 & 0xFF)
