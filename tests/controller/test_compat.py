"""`import ryu` in a process of ours; each case in a process of its own, for imports cannot be taken back."""

from __future__ import annotations

import subprocess
import sys

INSTALL = "from triplane.controller import compat; compat.install()\n"


def python(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", INSTALL + script], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_what_simple_switch_imports() -> None:
    script = """
from ryu.base import app_manager
from ryu.controller import ofp_event
from ryu.controller.handler import CONFIG_DISPATCHER, MAIN_DISPATCHER
from ryu.controller.handler import set_ev_cls
from ryu.ofproto import ofproto_v1_3
from ryu.lib.packet import packet
from ryu.lib.packet import ethernet
from ryu.lib.packet import ether_types
import ryu.ofproto.ofproto_v1_3_parser as parser
print(app_manager.RyuApp.__module__, ofp_event.EventOFPPacketIn.__module__, ofproto_v1_3.__name__, parser.__name__)
print(packet.__name__, ethernet.ethernet.__module__, ether_types.ETH_TYPE_LLDP)
"""
    assert python(script).split() == [
        "triplane.controller.runtime.app",
        "triplane.controller.runtime.ofp_event",
        "triplane.dataplane.openflow.ofproto_v1_3",
        "triplane.dataplane.openflow.ofproto_v1_3_parser",
        "os_ken.lib.packet.packet",
        "os_ken.lib.packet.ethernet",
        "35020",
    ]


def test_a_module_is_the_same_under_both_names() -> None:
    script = """
import importlib, ryu.lib.packet.ipv4 as one, os_ken.lib.packet.ipv4 as other
from ryu.lib import dpid, mac
from ryu.ofproto import ether
print(one is other, other.__spec__.name, one.__name__, dpid.dpid_to_str(1), ether.ETH_TYPE_IP)
"""
    assert python(script).split() == [
        "True",
        "os_ken.lib.packet.ipv4",
        "os_ken.lib.packet.ipv4",
        "0000000000000001",
        "2048",
    ]


def test_packets_are_taken_apart_by_os_ken() -> None:
    script = """
from ryu.lib.packet import packet, ethernet, arp
p = packet.Packet()
p.add_protocol(ethernet.ethernet(ethertype=0x0806))
p.add_protocol(arp.arp())
p.serialize()
print(packet.Packet(p.data).get_protocol(arp.arp).opcode)
"""
    assert python(script).split() == ["1"]


def test_what_there_is_not_cannot_be_imported() -> None:
    script = """
for line in ("import ryu.nonsense", "import ryu.lib.nonsense", "from ryu.lib import nonsense"):
    try:
        exec(line)
    except ImportError as error:
        print(error)
"""
    found = python(script).splitlines()
    assert found[:2] == ["No module named 'ryu.nonsense'", "No module named 'ryu.lib.nonsense'"]
    assert found[2].startswith("cannot import name 'nonsense' from 'ryu.lib'")


def test_without_os_ken_it_is_said_what_to_install() -> None:
    hide = "import sys; sys.modules['os_ken'] = None\n"
    assert "pip install 'triplane[controller]'" in python(hide + "from ryu.lib.packet import packet")
    assert "done" in python(hide + "from ryu.base import app_manager; print('done')")
