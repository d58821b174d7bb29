"""`import ryu` in a process of ours; each case in a process of its own, for imports cannot be taken back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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
        "triplane.controller.runtime.packet",
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


def test_os_ken_runs_on_our_runtime() -> None:
    script = """
import sys
from ryu.base.app_manager import RyuApp
from os_ken.base.app_manager import OSKenApp
import ryu.controller.dpset, ryu.topology.switches, ryu.services.protocols.bgp.application, ryu.lib.stplib
import os_ken.lib.hub, ryu.lib.hub, ryu.lib.packet.packet
for cls in (ryu.controller.dpset.DPSet, ryu.topology.switches.Switches, ryu.lib.stplib.Stp):
    print(issubclass(cls, RyuApp))
print(RyuApp is OSKenApp, ryu.lib.hub is os_ken.lib.hub, ryu.lib.packet is os_ken.lib.packet)
theirs = [name for name in sys.modules if name.endswith(("app_manager", "lib.hub", "ofp_event", ".handler", ".cfg"))]
print({name: sys.modules[name].__name__.split(".")[0] for name in theirs if name.startswith(("ryu", "os_ken"))})
print("eventlet" in sys.modules)
"""
    *ours, same, modules, eventlet = python(script).splitlines()
    assert set(ours) == {"True"}
    assert same == "True True True"
    assert "os_ken'" not in modules.replace("os_ken.", "")
    assert eventlet == "False"


def test_eventlet_is_refused_with_what_to_use_instead() -> None:
    assert "ryu.lib.hub has spawn" in python("import eventlet")


def test_names_that_os_ken_changed_are_there() -> None:
    script = """
import ryu, ryu.exception, os_ken.exception
from ryu import version
from ryu.services.protocols.bgp.application import RyuBGPSpeaker
from ryu.lib.ofctl_string import ofp_ofctl_field_name_to_ryu
from os_ken import version as theirs
print(ryu.exception.RyuException is os_ken.exception.OSKenException, version, ryu.__version__, theirs)
"""
    same, *versions = python(script).split()
    assert same == "True"
    assert versions[:2] == ["4.34", "4.34"]
    assert versions[2][0].isdigit()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A Ryu source with two apps, one a package."""
    for folder in ("ryu", "ryu/app", "ryu/app/page"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").touch()
    (tmp_path / "ryu/app/first.py").write_text("from ryu.base.app_manager import RyuApp\nclass First(RyuApp): pass\n")
    (tmp_path / "ryu/app/page/page.py").write_text("from ryu.app import first\nclass Page(first.First): pass\n")
    (tmp_path / "ryu/base").mkdir()
    (tmp_path / "ryu/base/app_manager.py").write_text("1 / 0  # never taken from there")
    return tmp_path


def test_apps_of_ryu_come_from_its_source(source: Path) -> None:
    script = f"""
import sys; sys.path.append({str(source)!r})
from ryu.app.page import page
from ryu.app.first import First
print(page.Page.__mro__[1] is First, First.__module__)
"""
    assert python(script).split() == ["True", "ryu.app.first"]


def test_an_app_in_a_ryu_source_brings_its_source_along(source: Path) -> None:
    script = f"""
from triplane.controller.runtime.imports import app_class, import_app
app = app_class(import_app({str(source / "ryu/app/page/page.py")!r}))
print(app.__module__, app.__mro__[1].__module__)
"""
    assert python(script).split() == ["ryu.app.page.page", "ryu.app.first"]


def test_without_a_source_it_is_said_where_to_get_one() -> None:
    for line in ("from ryu.app import simple_switch_14", "import ryu.app.simple_switch_14"):
        assert "No module named 'ryu.app.simple_switch_14': it is an app that comes with Ryu" in python(line)


def test_os_ken_that_was_imported_too_early_is_refused() -> None:
    script = "import os_ken.lib.hub\n" + INSTALL
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "os-ken was imported before" in done.stderr


def test_required_apps_are_those_of_who_imports(tmp_path: Path) -> None:
    (tmp_path / "wants.py").write_text(
        "from ryu.base.app_manager import RyuApp\nfrom ryu.topology.api import get_switch\nclass Wants(RyuApp): pass\n"
    )
    script = f"""
from triplane.controller.runtime.manager import AppManager
manager = AppManager.get_instance()
manager.load_apps([{str(tmp_path / "wants.py")!r}])
print(*manager.applications_cls)
"""
    assert python(script).split() == ["wants", "os_ken.topology.switches", "triplane.controller.runtime.openflow"]
