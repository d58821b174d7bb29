"""Links that change while we run: told by netlink, passed on to the ports and to the controllers."""

from __future__ import annotations

import asyncio
import logging

from triplane.dataplane.node import Node
from triplane.dataplane.switch.service import Service
from triplane.tap.links import GONE, NEW, LinkEvent, LinkListener
from triplane.tap.port import Port, PortError

log = logging.getLogger(__name__)

OFPPR_ADD, OFPPR_DELETE, OFPPR_MODIFY = 0, 1, 2


class LinkWatch:
    """Follows the links of every namespace that has ports. `start` needs a running event loop."""

    def __init__(self, node: Node, service: Service, netns: str | None) -> None:
        self.node, self.service, self.netns = node, service, netns
        self._listeners: dict[str | None, LinkListener] = {}

    def start(self) -> None:
        for port in self.node.port_table.open.values():
            self.follow(port)

    def follow(self, port: object) -> None:
        """Listen in the namespace of a port, if nobody does yet."""
        netns = self._netns_of(port)
        if netns not in self._listeners:
            listener = LinkListener(netns)
            self._listeners[netns] = listener
            asyncio.get_running_loop().add_reader(listener.fileno(), self._read, netns)

    def stop(self) -> None:
        for listener in self._listeners.values():
            asyncio.get_running_loop().remove_reader(listener.fileno())
            listener.close()
        self._listeners.clear()

    def _netns_of(self, port: object) -> str | None:
        options = port.spec.options if isinstance(port, Port) else {}
        return options.get("netns", self.netns)

    def _read(self, netns: str | None) -> None:
        for event in self._listeners[netns].read():
            for slot, port in list(self.node.port_table.open.items()):
                if port.name == event.link.name and self._netns_of(port) == netns:
                    self._follow(slot, event)

    def _follow(self, slot: int, event: LinkEvent) -> None:
        """A device that is back is taken up again; whatever changed is told as OFPT_PORT_STATUS."""
        try:
            if event.change == NEW:
                self.node.reopen_port(slot)
        except PortError as error:
            log.warning("%s", error)
        if self.node.port_table.refresh(slot):
            log.info("port %d (%s): %s", slot, event.link.name, event.change if event.change != NEW else "is there")
            self.service.port_changed(OFPPR_MODIFY, self.node.port_table.info(slot))
        elif event.change == GONE:
            log.warning("port %d (%s): the device is gone", slot, event.link.name)
