"""What is known of the packets that a list of actions is for, and what each action does to that."""

from __future__ import annotations

from dataclasses import dataclass

from tests.oracle.oxm import ANY, Known, Match, known_from, prerequisite_met

MANY = 1 << 32


@dataclass
class State:
    """What is known of the packet while an action list is walked."""

    known: Known
    tags: int

    def at_ether(self, eth_type: int) -> None:
        for name in ("eth_type", "ip_proto", "icmpv6_type"):
            self.known.pop(name, None)
        self.known["eth_type"] = eth_type

    def set_tags(self, tags: int) -> None:
        self.tags = tags
        self.known["tagged"] = 1 if tags else 0


def state_of(match: Match) -> State:
    known = known_from(match)
    return State(known, MANY if known.get("tagged") else 0)


def needs_met(kind: int, known: Known) -> bool:
    wanted = {15: "mpls_label", 16: "mpls_label", 20: "mpls_label", 18: "vlan_pcp", 23: "ip_dscp", 24: "ip_dscp"}
    return prerequisite_met({**wanted, 27: "pbb_isid"}.get(kind, "in_port"), known)


def follow(state: State, kind: int, tag: int) -> None:
    """What a push or pop does to what is known."""
    if kind == 17:
        state.set_tags(state.tags + 1)
    elif kind == 18:
        state.set_tags(MANY if state.tags == MANY else max(state.tags - 1, 0))
    elif kind in (19, 20):
        state.at_ether(tag)
    elif kind == 26:
        state.set_tags(0)
        state.at_ether(tag)
    elif kind == 27:
        state.known |= dict.fromkeys(("eth_type", "ip_proto", "icmpv6_type"), ANY) | {"in_port": ANY}
        state.set_tags(MANY)


def follow_set_field(state: State, name: str, value: int) -> None:
    if name == "eth_type":
        state.at_ether(value)
    elif name == "ip_proto":
        state.known.pop("icmpv6_type", None)
        state.known["ip_proto"] = value
    elif name == "icmpv6_type":
        state.known["icmpv6_type"] = value
    elif name == "vlan_tci" and value >= 0:
        state.set_tags(1 if value & 0x1000 else 0)
