"""What `triplane show` and `triplane trace` can ask a dataplane."""

from __future__ import annotations

from triplane.dataplane.node import Node
from triplane.dataplane.switch.control_socket import Provider
from triplane.dataplane.switch.service import Service
from triplane.nodes.options import DataplaneOptions


def providers(node: Node, service: Service, options: DataplaneOptions) -> dict[str, Provider]:
    return {}
