"""Which module answers for which of Ryu's.

Names here stand without their first part: `lib.hub` is `ryu.lib.hub` and `os_ken.lib.hub`. What a table does not name
comes from os-ken.
"""

from __future__ import annotations

import importlib.util

_CONTROLLER = "triplane.controller"
_RUNTIME = f"{_CONTROLLER}.runtime"
_CODEC = "triplane.dataplane.openflow"

OURS = {
    "app.wsgi": f"{_CONTROLLER}.rest.wsgi",
    "base.app_manager": f"{_RUNTIME}.manager",
    "cfg": f"{_RUNTIME}.cfg",
    "cmd.manager": "triplane.ryu_manager",
    "controller.controller": f"{_RUNTIME}.datapath",
    "controller.event": f"{_RUNTIME}.event",
    "controller.handler": f"{_RUNTIME}.handler",
    "controller.ofp_event": f"{_RUNTIME}.ofp_event",
    "controller.ofp_handler": f"{_RUNTIME}.openflow",
    "lib.addrconv": f"{_RUNTIME}.addrconv",
    "lib.alert": f"{_CONTROLLER}.compat.alert",
    "lib.hub": f"{_RUNTIME}.hub",
    "lib.packet.packet": f"{_RUNTIME}.packet",
    "ofproto.ofproto_protocol": f"{_RUNTIME}.protocol",
}

# the codec keeps Ryu's names, so what it has of these is ours
CODEC = {
    *("ofproto_common", "ofproto_parser", "ofproto_utils", "nicira_ext", "nx_actions", "nx_match"),
    *("oxm_fields", "oxs_fields", "oxx_fields"),
    *(f"ofproto_v1_{minor}{part}" for minor in (0, 2, 3, 4, 5) for part in ("", "_parser")),
}

# globals of os-ken's modules that are replaced: these wait where a kill would not reach them
ALTERED = {
    "os_ken.lib.rpc": {"select": f"{_RUNTIME}.selecting"},
    "os_ken.services.protocols.bgp.base": {"socket": f"{_RUNTIME}.sockets"},
}

# modules of ours whose `mend` gets os-ken's once that is loaded
MENDED = {
    "os_ken.lib.ovs.vsctl": f"{_CONTROLLER}.compat.ovsdb",
    "os_ken.services.protocols.bgp.api.base": f"{_CONTROLLER}.compat.bgp",
}


# modules of ours for apps of Ryu, if there is no source of Ryu
STAND_INS = {"app.simple_switch_13": f"{_CONTROLLER}.compat.simple_switch_13"}

# packages that are made here: they must be there without os-ken too, or hold files of a Ryu source
PACKAGES = {"", "app", "base", "cmd", "controller", "lib", "ofproto"}

# not os-ken's under Ryu's name: they run the program, or test it
NOT_SHARED = {"cmd", "tests"}


def ours(name: str) -> str | None:
    """The module of ours that answers for `name`, or None."""
    folder, _, module = name.rpartition(".")
    if folder == "ofproto" and module in CODEC:
        target = f"{_CODEC}.{module}"
        return target if importlib.util.find_spec(target) else None
    return OURS.get(name)
