"""`triplane dataplane`: ports, forwarder, agent and channels, put together and run until SIGTERM."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
from functools import partial

from triplane.dataplane.node import Node
from triplane.dataplane.switch.address import Address
from triplane.dataplane.switch.agent import Agent
from triplane.dataplane.switch.control_socket import ControlSocket
from triplane.dataplane.switch.service import Service, ServiceOptions, serve
from triplane.dataplane.switch.state import AgentConfig, Identity
from triplane.dataplane.switch.tls import TlsOptions
from triplane.dataplane.switch.versions import numbers_of
from triplane.dataplane.tables.flows import MOST_FLOWS
from triplane.nodes import warm
from triplane.nodes.links import LinkWatch
from triplane.nodes.options import DataplaneOptions, StartError
from triplane.nodes.port_set import PortSet, open_ports
from triplane.nodes.providers import providers
from triplane.tap.port import PortError
from triplane.terminal import Progress

log = logging.getLogger(__name__)


def run(options: DataplaneOptions) -> int:
    """Run a dataplane until SIGTERM or SIGINT; raises StartError if it cannot start."""
    level = logging.DEBUG if options.verbose else logging.INFO
    logging.basicConfig(level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if not warm.is_warm():
        with Progress("compiling the kernels, once on this machine") as progress:
            warm.run(progress.step)
    node = Node(options.workers)
    node.state.flows.limit(options.table_size or MOST_FLOWS)
    try:
        open_ports(node, options)
        return asyncio.run(forward(node, options))
    except (PortError, OSError, ValueError) as error:
        raise StartError(str(error)) from error
    finally:
        node.close()


async def forward(node: Node, options: DataplaneOptions) -> int:
    """Start the workers and the switch, say `ready`, and wait for the signal to end."""
    service = make_service(node, options)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    watch = LinkWatch(node, service, options.netns)
    ports = PortSet(node, service, watch, options)
    answers = providers(node) | {"port-add": ports.add, "port-remove": ports.remove}
    control = ControlSocket(options.run_dir, answers)
    node.start()
    node.warm()
    await control.start()
    watch.start()
    gc.freeze()  # what is loaded stays
    gc.enable()
    try:
        await serve(service, stop, partial(say_ready, options, control))
    finally:
        watch.stop()
        await control.stop()
    return 0


def make_service(node: Node, options: DataplaneOptions) -> Service:
    versions = numbers_of(options.openflow) if options.openflow else ()
    config = AgentConfig(
        standalone=options.fail_mode == "standalone", max_entries=options.table_size or MOST_FLOWS, versions=versions
    )
    agent = Agent(node, Identity(options.dpid), config)
    tls = TlsOptions(options.tls.private_key, options.tls.certificate, options.tls.ca_cert)
    return Service(agent, options.controllers, options.listeners, ServiceOptions(tls=tls), node.packet_in_fd)


def say_ready(options: DataplaneOptions, control: ControlSocket, bound: list[Address]) -> None:
    """One line on stdout, for whoever waits for it."""
    words = [f"dpid={options.dpid:016x}", f"control={control.path}", *(f"listen={address}" for address in bound)]
    print("ready", *words, flush=True)
