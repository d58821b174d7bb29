"""Links that change while we run: told by netlink, passed on to the ports and the controllers."""

from __future__ import annotations

from triplane.dataplane.node import Node
from triplane.dataplane.switch.service import Service
from triplane.nodes.options import DataplaneOptions


class LinkWatch:
    def __init__(self, node: Node, service: Service, options: DataplaneOptions) -> None:
        self.node, self.service, self.options = node, service, options

    def start(self) -> None: ...
    def stop(self) -> None: ...
