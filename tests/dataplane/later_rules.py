"""Random flow entries and groups of OpenFlow 1.5: set-field with a mask, copy-field, and egress tables."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.dataplane.rules import NUMBERS, PORTS, UNSETTABLE, Rules, Stack, whole
from tests.dataplane.wire import CONTROLLER, IN_PORT, Action
from tests.oracle.flow_table import Request
from tests.oracle.nicira_actions import WIDTHS
from tests.oracle.oxm import OFPP_UNSET, SHAPE, Match

SHOWN = [*PORTS, *PORTS, OFPP_UNSET, OFPP_UNSET, IN_PORT, CONTROLLER]
ANYWHERE = ["eth_dst", "eth_src", "metadata", "tunnel_id"]
REGISTERS = ["reg0", "reg1", "xreg0"]
READ = [*["actset_output"] * 4, "in_port", "vlan_vid", "packet_type", "eth_type"]


class LaterRules(Rules):
    """`egress`: the first egress table, if there is one."""

    def __init__(self, r: Random, tables: int, egress: int | None) -> None:
        super().__init__(r, tables)
        self.egress = egress

    def match(self, stack: Stack) -> Match:
        found = super().match(({}, [], []) if self.r.random() < 0.3 else stack)
        if self.r.random() < 0.4:
            found["actset_output"] = (self.r.choice(SHOWN), whole("actset_output"))
        if self.r.random() < 0.1:
            found["packet_type"] = (0, whole("packet_type"))
        return found

    def change(self, stack: Stack) -> Action:
        kind = self.r.random()
        if self.meters and self.r.random() < 0.15:
            return ("meter", self.r.choice([*self.meters * 9, 77]))
        if kind < 0.3:
            return self.set_masked(stack)
        return self.copy_field(stack) if kind < 0.55 else super().change(stack)

    def actions(self, stack: Stack, nicira: float = 0.0, depth: int = 0) -> list[Action]:
        """Now and then a meter behind what changes the DSCP that it goes by."""
        listed = super().actions(stack, nicira, depth)
        if self.meters and "ip_dscp" in stack[1] and self.r.random() < 0.3:
            marked = ("set_field", "ip_dscp", self.r.choice(NUMBERS["ip_dscp"]))
            listed += [marked, ("meter", self.r.choice(self.meters)), self.output()]
        return listed

    def nicira(self, stack: Stack, depth: int = 0) -> Action:
        """More that copies the packet, or looks it up while there is something in its action set."""
        kind = self.r.random()
        later = [each for each in self.tables if each > self.table]
        if kind < 0.2 and depth < 2:
            return ("clone", self.actions(stack, 0.5, depth + 1))
        if kind < 0.4 and later:
            return ("resubmit", 0xFFF8, self.r.choice(later))
        return super().nicira(stack, depth)

    def set_masked(self, stack: Stack) -> Action:
        """Of any field that a match may mask; the numbers are such as matches want."""
        name = self.r.choice([name for name in [*stack[1], *stack[0], *ANYWHERE] if SHAPE[name][2]])
        if name in UNSETTABLE - {"metadata"}:
            name = "eth_src"
        bits = whole(name)
        mask = self.r.choice([0xFF, 1, bits >> 1, bits & ~0xFF, bits, self.r.getrandbits(SHAPE[name][1]), 0]) & bits
        return ("set_masked", name, self.r.choice(NUMBERS[name]) & mask, mask)

    def copy_field(self, stack: Stack) -> Action:
        r = self.r
        source, one = self.field(stack, [*REGISTERS, *READ])
        target, other = self.field(stack, REGISTERS if self.lists else ["eth_dst"])
        bits = r.choice([min(one, other), 1, min(16, one, other)])
        return ("copy_field", source, r.choice([0, one - bits]), target, r.choice([0, other - bits]), bits)

    def field(self, stack: Stack, also: list[str]) -> tuple[str, int]:
        name = self.r.choice([*also, *ANYWHERE, *(name for name in stack[1] if name not in UNSETTABLE)])
        return name, WIDTHS[name]

    def instructions(self, stack: Stack, table: int) -> dict[str, Any]:
        """Mostly such as egress tables take: no output in the action set, and none leads to them but an output."""
        then = super().instructions(stack, table)
        if self.egress is None or self.r.random() < 0.1:
            return then
        if table < self.egress <= then.get("goto", 0):
            del then["goto"]
        if table >= self.egress and "write" in then:
            then["write"] = [action for action in then["write"] if action[0] not in ("output", "group")]
        return then

    def leaving(self) -> list[Request]:
        """What lets most packets pass the first egress table."""
        if self.egress is None or self.r.random() < 0.2:
            return []
        request = Request(0, self.egress, 0, {}, {})
        self.cookie += 1
        request.cookie = self.cookie
        return [request]
