"""Whether the actions of a list fit the match and each other: OFPBAC_MATCH_INCONSISTENT (OpenFlow 1.3.5 section 7.2.5).

What is known of the packet starts from the match and follows pushes, pops and set-fields. As strict as Open vSwitch,
but for tags behind a matched VLAN tag: there may be more, so that a second one may be popped or set.
"""

from __future__ import annotations

from triplane.dataplane.kernels.action_table import (
    A_EFFECT,
    A_NEEDS,
    ACTION_ROWS,
    EFFECT_ETHER,
    EFFECT_NONE,
    EFFECT_POP_PBB,
    EFFECT_POP_VLAN,
    EFFECT_PUSH_PBB,
    EFFECT_PUSH_VLAN,
    EFFECT_SET_FIELD,
)
from triplane.dataplane.kernels.bytes import be8, be16
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.facts import (
    ALL_FACTS,
    ANYTHING,
    ETHER_FACTS,
    LINK_FACTS,
    PROTO_FACTS,
    VLAN_FACT,
    facts_of_ether,
    facts_of_icmp6,
    facts_of_key,
    facts_of_proto,
)
from triplane.dataplane.kernels.fields import BY_NAME
from triplane.dataplane.kernels.limits import CHECK_ALL, CHECK_NONE, LIMIT_LOOSE, MANY_TAGS, STATE_FACTS, STATE_TAGS
from triplane.dataplane.kernels.oxm import F_PRE, FIELD_ROWS, VLAN_VID
from triplane.dataplane.kernels.pool import Bytes, Words

ROW_ETH_TYPE = BY_NAME["eth_type"].number
ROW_IP_PROTO = BY_NAME["ip_proto"].number
ROW_ICMPV6_TYPE = BY_NAME["icmpv6_type"].number


@kernel
def start_facts(limits: Words, key: Words, mask: Words) -> None:
    """Begin an action list for packets that match key and mask."""
    facts = facts_of_key(key, mask)
    limits[STATE_FACTS] = facts
    limits[STATE_TAGS] = MANY_TAGS if facts & VLAN_FACT else 0


@kernel
def set_tags(limits: Words, tags: int) -> None:
    limits[STATE_TAGS] = tags
    facts = limits[STATE_FACTS] & ~VLAN_FACT
    limits[STATE_FACTS] = facts | VLAN_FACT if tags else facts


@kernel
def set_ether(limits: Words, eth_type: int) -> None:
    limits[STATE_FACTS] = limits[STATE_FACTS] & LINK_FACTS | facts_of_ether(eth_type)


@kernel
def after_set_field(limits: Words, wire: Bytes, at: int, row: int) -> None:
    """Setting what other fields' prerequisites name changes what is known."""
    facts = limits[STATE_FACTS]
    if row == ROW_ETH_TYPE:
        set_ether(limits, be16(wire, at + 8))
    elif row == ROW_IP_PROTO:
        limits[STATE_FACTS] = facts_of_proto(facts & ETHER_FACTS, be8(wire, at + 8))
    elif row == ROW_ICMPV6_TYPE:
        limits[STATE_FACTS] = facts_of_icmp6(facts & PROTO_FACTS, be8(wire, at + 8))


@kernel
def apply_effect(limits: Words, wire: Bytes, at: int, effect: int, arg: int) -> None:
    """What is known of the packet after the action."""
    if effect == EFFECT_SET_FIELD:
        after_set_field(limits, wire, at, arg)
    elif effect == EFFECT_PUSH_VLAN:
        set_tags(limits, limits[STATE_TAGS] + 1)
    elif effect == EFFECT_POP_VLAN:  # behind a matched tag there may be more
        set_tags(limits, max(limits[STATE_TAGS] - 1, limits[STATE_TAGS] & MANY_TAGS))
    elif effect == EFFECT_ETHER:
        set_ether(limits, arg)
    elif effect == EFFECT_PUSH_PBB:  # the tags are now inside
        set_tags(limits, 0)
        set_ether(limits, arg)
    elif effect == EFFECT_POP_PBB:  # the frame inside may be anything
        limits[STATE_FACTS], limits[STATE_TAGS] = ALL_FACTS, MANY_TAGS


@kernel
def consistent(limits: Words, wire: Bytes, at: int, row: int, arg: int, check: int) -> bool:
    """Whether the match, and the actions before this one, imply what the action needs; then follow its effect."""
    if check == CHECK_NONE or limits[LIMIT_LOOSE]:
        return True
    effect = ACTION_ROWS[row, A_EFFECT]
    needs = ACTION_ROWS[row, A_NEEDS]
    if effect == EFFECT_SET_FIELD:
        needs = VLAN_FACT if arg == VLAN_VID else 1 << FIELD_ROWS[arg, F_PRE]
    elif check != CHECK_ALL:
        needs = ANYTHING
    if limits[STATE_FACTS] & needs == 0:
        return False
    if effect != EFFECT_NONE:
        apply_effect(limits, wire, at, effect, arg)
    return True
