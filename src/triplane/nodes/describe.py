"""OpenFlow structures as short text for people: `eth_type=0x0800,ipv4_dst=10.0.0.0/255.0.0.0`, `apply(output:2)`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from triplane.dataplane.openflow import codec
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow import ofproto_v1_3_parser as parser

PORT_NAMES = {getattr(ofp, f"OFPP_{name}"): name.lower() for name in (
    "IN_PORT", "TABLE", "NORMAL", "FLOOD", "ALL", "CONTROLLER", "LOCAL", "ANY",
)}  # fmt: skip
HEX_FIELDS = ("eth_type", "metadata", "ipv6_exthdr")
GROUP_KINDS = ("all", "select", "indirect", "fast_failover")
DATAPATH = codec.PROTOCOLS[4]


def port(number: int) -> str:
    return PORT_NAMES.get(number, str(number))


def value(name: str, given: Any) -> str:
    if isinstance(given, tuple):
        return "/".join(value(name, part) for part in given)
    if isinstance(given, int) and name in HEX_FIELDS:
        return f"0x{given:04x}"
    return port(given) if name == "in_port" else str(given)


def match(fields: Any) -> str:
    """A match, `any` if it has no fields."""
    return ",".join(f"{name}={value(name, given)}" for name, given in fields.items()) or "any"


def action(given: Any) -> str:
    """One action, named as in the specification."""
    name = type(given).__name__.removeprefix("OFPAction")
    if name == "Output":
        return f"output:{port(given.port)}"
    if name == "SetField":
        return f"set_field:{given.key}={value(given.key, given.value)}"
    arguments = [
        f"0x{number:04x}" if attribute == "ethertype" else str(number)
        for attribute in ("group_id", "queue_id", "ethertype", "nw_ttl", "mpls_ttl")
        if (number := getattr(given, attribute, None)) is not None
    ]
    words = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
    return ":".join([words, *arguments])


def actions(given: Iterable[Any]) -> str:
    return ",".join(map(action, given)) or "drop"


def instruction(given: Any) -> str:
    kind = given.type
    if kind == ofp.OFPIT_GOTO_TABLE:
        return f"goto:{given.table_id}"
    if kind == ofp.OFPIT_WRITE_METADATA:
        return f"metadata:0x{given.metadata:x}/0x{given.metadata_mask:x}"
    if kind == ofp.OFPIT_METER:
        return f"meter:{given.meter_id}"
    if kind == ofp.OFPIT_CLEAR_ACTIONS:
        return "clear"
    if kind == ofp.OFPIT_EXPERIMENTER:
        return f"experimenter:0x{given.experimenter:08x}"
    return f"{'apply' if kind == ofp.OFPIT_APPLY_ACTIONS else 'write'}({actions(given.actions)})"


def instructions(given: Iterable[Any]) -> str:
    return " ".join(map(instruction, given)) or "drop"


def flow(encoded: bytes) -> dict[str, Any]:
    """One ofp_flow_stats as a row."""
    entry = parser.OFPFlowStats.parser(encoded, 0)
    return {
        "table": entry.table_id,
        "priority": entry.priority,
        "cookie": f"0x{entry.cookie:x}",
        "packets": entry.packet_count,
        "bytes": entry.byte_count,
        "seconds": entry.duration_sec,
        "idle_timeout": entry.idle_timeout,
        "hard_timeout": entry.hard_timeout,
        "match": match(entry.match),
        "instructions": instructions(entry.instructions),
    }


def group(described: bytes, counted: bytes) -> dict[str, Any]:
    """An ofp_group_desc and its ofp_group_stats as a row."""
    desc, stats = parser.OFPGroupDescStats.parser(described, 0), parser.OFPGroupStats.parser(counted, 0)
    return {
        "group": desc.group_id,
        "type": GROUP_KINDS[desc.type],
        "flows": stats.ref_count,
        "packets": stats.packet_count,
        "bytes": stats.byte_count,
        "buckets": [actions(bucket.actions) for bucket in desc.buckets],
    }


def meter(configured: bytes, counted: bytes) -> dict[str, Any]:
    """An ofp_meter_config and its ofp_meter_stats as a row."""
    config, stats = parser.OFPMeterConfigStats.parser(configured, 0), parser.OFPMeterStats.parser(counted, 0)
    unit = "packet/s" if config.flags & ofp.OFPMF_PKTPS else "kbit/s"
    return {
        "meter": config.meter_id,
        "flows": stats.flow_count,
        "packets": stats.packet_in_count,
        "bytes": stats.byte_in_count,
        "bands": [f"{'drop' if band.type == ofp.OFPMBT_DROP else 'remark'}>{band.rate}{unit}" for band in config.bands],
    }
