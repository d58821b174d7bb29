"""The ports of a running dataplane: those it starts with, those that come and go later."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from triplane.dataplane.kernels.packet import MAX_PORTS
from triplane.dataplane.local_port import LOCAL_SLOT, LocalPort
from triplane.dataplane.node import Node
from triplane.dataplane.switch.service import Service
from triplane.dataplane.tables.queue_options import take_queues
from triplane.nodes.links import OFPPR_ADD, OFPPR_DELETE, LinkWatch
from triplane.nodes.options import DataplaneOptions, StartError
from triplane.tap.namespaces import path_of
from triplane.tap.port import Port, PortError, PortSpec, open_port


def open_in_slot(node: Node, options: DataplaneOptions, slot: int, text: str) -> Port:
    """Open the port that `text` asks for, with its queues. Raises PortError or ValueError."""
    spec = PortSpec.parse(text)
    queues, others = take_queues(spec.options, 0)
    port = open_port(replace(spec, options=others), slot, node.state.pool, options.workers, options.netns)
    node.add_port(port)
    speed = port.link().speed * 1000
    for number, rates in queues.items():
        node.state.queues.configure(slot, number, replace(rates, speed=speed), time.monotonic_ns())
    return port


def open_ports(node: Node, options: DataplaneOptions) -> None:
    """Open OFPP_LOCAL, and the ports in the order given, from number 1. StartError if there is no such namespace."""
    if options.netns is not None and not path_of(options.netns).exists():
        raise StartError(f"there is no network namespace {options.netns} (`ip netns add {options.netns}` makes it)")
    node.add_port(LocalPort(options.dpid))
    for slot, text in enumerate(options.ports, 1):
        open_in_slot(node, options, slot, text)


class PortSet:
    """`triplane port add` and `remove`: what the control socket calls. Controllers are told (OFPT_PORT_STATUS)."""

    def __init__(self, node: Node, service: Service, watch: LinkWatch, options: DataplaneOptions) -> None:
        self.node, self.service, self.watch, self.options = node, service, watch, options

    def add(self, arguments: Mapping[str, Any]) -> int:
        """Open {"spec": "NAME[:KIND...]"} under the lowest free number, which is returned. ValueError if it fails."""
        free = [slot for slot in range(1, MAX_PORTS) if slot not in self.node.port_table.open]
        if not free:
            raise ValueError(f"there are {MAX_PORTS - 1} ports already, the most that a dataplane has")
        try:
            port = open_in_slot(self.node, self.options, free[0], str(arguments.get("spec", "")))
        except (PortError, OSError) as error:
            raise ValueError(str(error)) from error
        self.watch.follow(port)
        self.service.port_changed(OFPPR_ADD, self.node.port_table.info(free[0]))
        return free[0]

    def remove(self, arguments: Mapping[str, Any]) -> int:
        """Close port {"port": number}. ValueError if there is none."""
        slot = arguments.get("port")
        if not isinstance(slot, int) or slot == LOCAL_SLOT or slot not in self.node.port_table.open:
            raise ValueError(f"there is no port {slot}")
        info = self.node.port_table.info(slot)
        self.node.remove_port(slot)
        self.node.state.queues.remove(slot)
        self.service.port_changed(OFPPR_DELETE, info)
        return slot
