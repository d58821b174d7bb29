"""Bits of a packet's fields, read and written one field at a time: what Nicira's load and move mean."""

from __future__ import annotations

from typing import Any

from tests.oracle import actions as rewrite
from tests.oracle.nicira import REGISTERS, wide_port
from tests.oracle.oxm import SHAPE, prerequisite_met
from tests.oracle.parse import parse


def parts(name: str) -> list[str]:
    """The registers that a wider one is made of, the highest first."""
    if name.startswith("xxreg"):
        return REGISTERS[4 * int(name[5:]) : 4 * int(name[5:]) + 4]
    return REGISTERS[2 * int(name[4:]) : 2 * int(name[4:]) + 2]


def whole(packet: Any, name: str) -> int | None:
    """The field's value; None if the packet does not have it."""
    fields = parse(packet.data).fields
    if name.startswith(("xreg", "xxreg")):
        value = 0
        for register in parts(name):
            value = value << 32 | packet.registers.get(register, 0)
        return value
    if name in REGISTERS or name == "pkt_mark":
        return int(packet.registers.get(name, 0))
    own = {"in_port": packet.in_port, "in_port_16": packet.in_port & 0xFFFF, "metadata": packet.metadata,
           "tunnel_id": packet.tunnel, "actset_output": packet.output_in_set, "packet_type": 0}  # fmt: skip
    if name in own:
        return int(own[name])
    if name == "vlan_tci":
        return fields.get("vlan_vid", 0) | fields.get("vlan_pcp", 0) << 13
    return fields.get("ip_dscp", -1) << 2 if name == "ip_tos" and "ip_dscp" in fields else fields.get(name)


def read(packet: Any, name: str, offset: int, bits: int) -> int | None:
    """None if the packet cannot have the field; one that is cut short has it as zero, as in Open vSwitch."""
    value = whole(packet, name)
    if value is None and prerequisite_met({"ip_tos": "ip_dscp"}.get(name, name), parse(packet.data).fields):
        value = 0
    return None if value is None else value >> offset & (1 << bits) - 1


def write(packet: Any, name: str, offset: int, bits: int, value: int) -> None:
    write_masked(packet, name, value << offset, (1 << bits) - 1 << offset)


def write_masked(packet: Any, name: str, value: int, mask: int) -> None:
    old = whole(packet, name)
    if old is not None:
        store(packet, name, old & ~mask | value & mask)


def store(packet: Any, name: str, value: int) -> None:
    if name.startswith(("xreg", "xxreg")):
        for register in reversed(parts(name)):
            packet.registers[register] = value & 0xFFFFFFFF
            value >>= 32
    elif name in REGISTERS or name == "pkt_mark":
        packet.registers[name] = value
    elif name in ("in_port", "in_port_16"):
        packet.in_port = wide_port(value) if name == "in_port_16" else value
    elif name == "metadata":
        packet.metadata = value
    elif name == "tunnel_id":
        packet.tunnel = value
    else:
        change(packet, name, value)


def change(packet: Any, name: str, value: int) -> None:
    """A field of the frame."""
    frame = rewrite.Frame(packet.data)
    if name == "vlan_tci":
        set_tci(frame, value)
    elif name == "nw_ttl":
        rewrite.set_nw_ttl(frame, value)
    elif name == "mpls_ttl":
        rewrite.set_mpls_ttl(frame, value)
    elif name == "ip_tos":
        rewrite.set_field(frame, "ip_dscp", value >> 2)
    else:
        rewrite.set_field(frame, name, value & (1 << SHAPE[name][1]) - 1)
    packet.data = frame.data


def set_tci(frame: rewrite.Frame, tci: int) -> None:
    if not tci & 0x1000:
        rewrite.pop_vlan(frame)
        return
    if "vlan" not in parse(frame.data).at:
        rewrite.push_vlan(frame, 0x8100)
    rewrite.set_field(frame, "vlan_vid", tci & 0x1FFF)
    rewrite.set_field(frame, "vlan_pcp", tci >> 13)
