"""What `triplane show` and `triplane trace` can ask a dataplane; run in the control thread."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from triplane.dataplane.local_port import LOCAL_SLOT
from triplane.dataplane.node import Node
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.switch.control_socket import Provider
from triplane.dataplane.switch.datapath import FlowFilter
from triplane.nodes import describe
from triplane.nodes.trace import trace

EVERYTHING = FlowFilter(ofp.OFPTT_ALL, ofp.OFPP_ANY, ofp.OFPG_ANY, 0, 0, bytes.fromhex("0001000400000000"))
Row = dict[str, Any]


class Providers:
    """Rows of each kind."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def ports(self, arguments: Mapping[str, Any]) -> list[Row]:
        return [self._port(slot) for slot in sorted(self.node.port_table.open) if slot != LOCAL_SLOT]

    def _port(self, slot: int) -> Row:
        port = self.node.port_table.open[slot]
        info = self.node.port_table.info(slot)
        counters = self.node.port_counters(info.port_no)[0]
        return {
            "port": describe.port(info.port_no),
            "device": info.name,
            "kind": getattr(port, "kind", "?"),
            "link": "up" if not info.state & ofp.OFPPS_LINK_DOWN else "down",
            "config": info.config,
            "mac": info.hw_addr.hex(":"),
            "rx_packets": counters.rx_packets,
            "rx_bytes": counters.rx_bytes,
            "rx_dropped": counters.rx_dropped,
            "rx_errors": counters.rx_errors,
            "tx_packets": counters.tx_packets,
            "tx_bytes": counters.tx_bytes,
            "tx_dropped": counters.tx_dropped,
            "tx_errors": counters.tx_errors,
        }

    def flows(self, arguments: Mapping[str, Any]) -> list[Row]:
        rows = [describe.flow(entry) for entry in self.node.flow_stats(EVERYTHING, time.monotonic_ns())]
        return sorted(rows, key=lambda row: (row["table"], -row["priority"], row["match"]))

    def groups(self, arguments: Mapping[str, Any]) -> list[Row]:
        stats = self.node.group_stats(ofp.OFPG_ALL, time.monotonic_ns())
        return [describe.group(*pair) for pair in zip(self.node.group_desc(), stats, strict=True)]

    def meters(self, arguments: Mapping[str, Any]) -> list[Row]:
        stats = self.node.meter_stats(ofp.OFPM_ALL, time.monotonic_ns())
        return [describe.meter(*pair) for pair in zip(self.node.meter_config(ofp.OFPM_ALL), stats, strict=True)]

    def macs(self, arguments: Mapping[str, Any]) -> list[Row]:
        entries = self.node.state.macs.entries(time.monotonic_ns())
        return [{"vlan": e.vlan, "mac": e.mac, "port": e.port, "age": round(e.age)} for e in entries]

    def punts(self, arguments: Mapping[str, Any]) -> list[Row]:
        """Packets for the controller by class, and all drops of the node by reason."""
        rows = [{"class": name, **counted._asdict()} for name, counted in self.node.state.punts.counters().items()]
        return rows + [{"dropped": name, "packets": count} for name, count in self.node.state.drops().items() if count]

    def nothing(self, arguments: Mapping[str, Any]) -> list[Row]:
        """Routes and neighbours: this node switches, it does not route."""
        return []

    def trace(self, arguments: Mapping[str, Any]) -> list[str]:
        """Raises ValueError for a port or a packet that makes no sense."""
        port, packet = arguments.get("port"), arguments.get("packet")
        if not isinstance(port, int) or not isinstance(packet, str):
            raise ValueError('trace wants {"port": number, "packet": hex}')
        return trace(self.node, port, bytes.fromhex(packet))


def providers(node: Node) -> dict[str, Provider]:
    """By name, for the control socket."""
    rows = Providers(node)
    return {
        "ports": rows.ports,
        "flows": rows.flows,
        "groups": rows.groups,
        "meters": rows.meters,
        "macs": rows.macs,
        "punts": rows.punts,
        "fib": rows.nothing,
        "neighbours": rows.nothing,
        "trace": rows.trace,
    }
