"""`triplane lab`: hosts and switches in network namespaces."""

from __future__ import annotations

import argparse
import signal
import subprocess

from triplane.commands import arguments as shared

TAKES_TAIL = True

DESCRIPTION = """\
Hosts and switches in network namespaces, with a controller that makes the switches learn.

  single   one switch with all hosts
  linear   a row of switches, hosts along it
  star     a switch in the middle, others (--nodes) around it, hosts at the tips
  tree     a binary tree of switches, hosts at the leaves
  mesh     switches all linked to each other; links that would close a loop are down (--loops: up)
  FILE     YAML:  hosts: {h1: {}, h2: {ipv4: 10.0.0.9/24}}
                  switches: {s1: {dpid: 1}}
                  links: [[h1, s1], [h2, s1]]

Stays up until `exit` or Ctrl-C and then removes all it made; or runs CMD in the lab and ends with its
status (where CMD begins with a host's name, in that host). Works for ordinary users too, in a user
namespace, with the port kinds packet and tap.
"""

EPILOG = """\
examples:
  triplane lab star --hosts 4
  triplane lab linear --nodes 3 -- h1 ping -c 3 h3
  triplane lab single --app ./simple_switch_13.py
  triplane lab tree --controller tcp:127.0.0.1:6653     your own controller
  triplane lab single --hosts 2 --kind tap -- triplane show ports
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.usage = "triplane lab single|linear|star|tree|mesh|FILE [options] [-- CMD ...]"
    add = parser.add_argument
    add("shape", metavar="SHAPE", help="single, linear, star, tree, mesh, or a YAML file")
    add("--hosts", type=shared.positive, metavar="N", help="hosts in all")
    add("--nodes", type=shared.positive, metavar="N", help="switches in all")
    add("--kind", choices=["packet", "tap", "xdp"], default="packet", help="kind of the switches' ports (packet)")
    add("--app", action="append", metavar="APP", help="what the controller runs, a file or module; repeat for more")
    add("--controller", action="append", metavar="ADDRESS", help="use this controller and start none")
    add("--fail-mode", choices=["secure", "standalone"], default="secure", help="of the switches")
    add("--workers", type=shared.positive, default=1, metavar="N", help="forwarding threads of each switch")
    add("--mtu", type=shared.positive, metavar="BYTES", help="of all links (1500)")
    add("--loops", action="store_true", help="bring up links that close a loop: the controller must cope with it")
    add("--openflow-port", type=shared.positive, metavar="P", help="switches listen on 127.0.0.1 from P on (ovs-ofctl)")
    add("--netns-prefix", default="lab-", metavar="TEXT", help="of the namespaces' names (lab-)")


def end_on(number: int, frame: object) -> None:
    """A signal unwinds the stack, so that the lab is taken down."""
    raise SystemExit(128 + number)


def warm_kernels() -> None:
    """Compile first, with progress: otherwise each switch would, silently."""
    from triplane.lab.network import LabError
    from triplane.lab.processes import TRIPLANE

    if subprocess.run([*TRIPLANE, "warm", "--if-needed"], stdout=subprocess.DEVNULL, check=False).returncode:
        raise LabError("the kernels could not be compiled")


def run(arguments: argparse.Namespace) -> int:
    from triplane.lab import playground, rootless
    from triplane.lab.lab import DEFAULT_APP, Lab, LabOptions
    from triplane.lab.processes import TRIPLANE
    from triplane.lab.topology import choose

    options = LabOptions(
        kind=arguments.kind,
        prefix=arguments.netns_prefix,
        apps=arguments.app or [DEFAULT_APP],
        controllers=arguments.controller or [],
        fail_mode=arguments.fail_mode,
        workers=arguments.workers,
        loops=arguments.loops,
        openflow_port=arguments.openflow_port,
        mtu=arguments.mtu,
    )
    topology = choose(arguments.shape, arguments.nodes, arguments.hosts)
    rootless.enter([*TRIPLANE, *arguments.words], arguments.kind)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end_on)
    warm_kernels()
    with Lab(topology, options) as lab:
        command = arguments.tail[1:]
        return playground.run_command(lab, command) if command else playground.play(lab)
