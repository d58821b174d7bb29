"""`triplane dataplane`: the command line of the forwarder."""

from __future__ import annotations

import argparse
import gc
from pathlib import Path

from triplane.commands import arguments as shared
from triplane.nodes.options import DataplaneOptions, TlsFiles, default_run_dir

DESCRIPTION = """\
Forward packets between ports in user space, programmed over OpenFlow 1.3.

A port is NAME[:KIND[,opt=val...]]; ports are numbered 1.. in the order given. Kinds:
  auto     (default) a device that exists becomes `packet`, one that does not is created as a `tap`
  tap      a TAP device that Triplane creates: virtual machines and hosts in namespaces
  packet   an existing device through AF_PACKET: any network card, veth
  xdp      an existing device through AF_XDP: the fast one
  pcap     a capture file as input or output
A controller is tcp:HOST:PORT, tls:HOST:PORT or unix:PATH. To wait for one (ovs-ofctl, for instance):
--listen ptcp:PORT[:HOST], ptls:PORT[:HOST] or punix:PATH.

Prints one line `ready ...` on stdout when it forwards, logs to stderr, ends on SIGTERM.
"""

EPILOG = """\
examples:
  triplane dataplane --dpid 1 --port eth1 --port eth2 --controller tcp:127.0.0.1:6653
  triplane dataplane --dpid 1 --port eth1:xdp --port vm1:tap --fail-mode standalone
  triplane dataplane --dpid 7 --netns tp-data --port eth1 --port eth2 --listen ptcp:6654
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    add = parser.add_argument
    add("--dpid", type=shared.dpid, required=True, help="datapath id: decimal, 0x..., or 16 hex digits")
    add("--port", action="append", default=[], metavar="NAME[:KIND[,opt=val...]]", help="a port; repeat for more")
    add("--controller", action="append", default=[], metavar="ADDRESS", help="connect to it; repeat for more")
    add("--listen", action="append", default=[], metavar="ptcp:PORT[:HOST]", help="let controllers connect here")
    add(
        "--fail-mode",
        choices=["secure", "standalone"],
        default="secure",
        help="without a controller: keep the flow tables (secure, the default) or be a learning switch",
    )
    add("--openflow", default="", metavar="VERSIONS", help="OpenFlow versions to speak, as 1.0,1.3 (default: all)")
    add("--table-size", type=shared.positive, default=0, metavar="N", help="entries in each flow table (default: 4 M)")
    add("--workers", type=shared.positive, default=1, metavar="N", help="forwarding threads (default 1)")
    add("--netns", metavar="NAME", help="network namespace of the ports (ip netns)")
    shared.add_run_dir(parser)
    shared.add_tls(parser)
    add("-v", "--verbose", action="store_true", help="log more")


def options(arguments: argparse.Namespace) -> DataplaneOptions:
    return DataplaneOptions(
        dpid=arguments.dpid,
        ports=arguments.port,
        controllers=arguments.controller,
        listeners=arguments.listen,
        fail_mode=arguments.fail_mode,
        openflow=arguments.openflow,
        table_size=arguments.table_size,
        workers=arguments.workers,
        netns=arguments.netns,
        run_dir=Path(arguments.run_dir or default_run_dir()),
        tls=TlsFiles(arguments.private_key, arguments.certificate, arguments.ca_cert),
        verbose=arguments.verbose,
    )


def run(arguments: argparse.Namespace) -> int:
    gc.disable()  # until it serves: to search what is imported and loaded for cycles takes a fifth of the start
    from triplane.nodes import dataplane

    return dataplane.run(options(arguments))
