"""Nicira's actions (Open vSwitch, ovs-actions(7)) under Ryu's names, made for each version of OpenFlow by `generate`.

They stand behind the experimenter's action of every version, in the same bytes. What differs are the version's fields
and, inside of clone and conntrack, its other actions.
"""

from __future__ import annotations

import sys
from struct import Struct
from typing import Any

from triplane.dataplane.openflow import nicira_ext as nx
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.nx_odd import ODD, Odd
from triplane.dataplane.openflow.nx_specs import specs_for
from triplane.dataplane.openflow.ofproto_common import NX_EXPERIMENTER_ID
from triplane.dataplane.openflow.v1_3.oxm_fields import OXM
from triplane.dataplane.openflow.wire import RecordType, const, field_header, pad, rest, u8, u16, u32, u64

_SUBTYPE = Struct("!8xH")
IN_PORT, OWN_TABLE = 0xFFF8, 0xFF

# name: subtype, fields behind it in the order of the wire; `_order` where the constructor has another
REGULAR: dict[str, tuple[int, dict[str, Any]]] = {
    "NXActionSetQueue": (nx.NXAST_SET_QUEUE, {"_pad": pad(2), "queue_id": u32()}),
    "NXActionPopQueue": (nx.NXAST_POP_QUEUE, {"_pad": pad(6)}),
    "NXActionRegLoad": (nx.NXAST_REG_LOAD, {"ofs_nbits": u16(), "dst": field_header(), "value": u64()}),
    "NXActionSetTunnel": (nx.NXAST_SET_TUNNEL, {"_pad": pad(2), "tun_id": u32()}),
    "NXActionSetTunnel64": (nx.NXAST_SET_TUNNEL64, {"_pad": pad(6), "tun_id": u64()}),
    "NXActionResubmit": (nx.NXAST_RESUBMIT, {"in_port": u16(default=IN_PORT), "_pad": pad(4)}),
    "NXActionResubmitTable": (
        nx.NXAST_RESUBMIT_TABLE,
        {"in_port": u16(default=IN_PORT), "table_id": u8(default=OWN_TABLE), "_pad": pad(3)},
    ),
    "NXActionOutputReg": (
        nx.NXAST_OUTPUT_REG,
        {"ofs_nbits": u16(), "src": field_header(), "max_len": u16(), "_pad": pad(6)},
    ),
    "NXActionOutputReg2": (
        nx.NXAST_OUTPUT_REG2,
        {"ofs_nbits": u16(), "max_len": u16(), "src": field_header(), "_pad": pad(6),
         "_order": ("ofs_nbits", "src", "max_len")},
    ),
    "NXActionExit": (nx.NXAST_EXIT, {"_pad": pad(6)}),
    "NXActionDecTtl": (nx.NXAST_DEC_TTL, {"_pad": pad(6)}),
    "NXActionController": (
        nx.NXAST_CONTROLLER,
        {"max_len": u16(), "controller_id": u16(), "reason": u8(), "_pad": pad(1)},
    ),
    "NXActionPushMpls": (nx.NXAST_PUSH_MPLS, {"ethertype": u16(), "_pad": pad(4)}),
    "NXActionPopMpls": (nx.NXAST_POP_MPLS, {"ethertype": u16(), "_pad": pad(4)}),
    "NXActionSetMplsTtl": (nx.NXAST_SET_MPLS_TTL, {"ttl": u8(), "_pad": pad(5)}),
    "NXActionDecMplsTtl": (nx.NXAST_DEC_MPLS_TTL, {"_pad": pad(6)}),
    "NXActionSetMplsLabel": (nx.NXAST_SET_MPLS_LABEL, {"_pad": pad(2), "label": u32()}),
    "NXActionSetMplsTc": (nx.NXAST_SET_MPLS_TC, {"tc": u8(), "_pad": pad(5)}),
    "NXActionStackPush": (
        nx.NXAST_STACK_PUSH,
        {"start": u16(), "field": field_header(), "end": u16(), "_pad": pad(6), "_order": ("field", "start", "end")},
    ),
    "NXActionStackPop": (
        nx.NXAST_STACK_POP,
        {"start": u16(), "field": field_header(), "end": u16(), "_pad": pad(6), "_order": ("field", "start", "end")},
    ),
    "NXActionSample": (
        nx.NXAST_SAMPLE,
        {"probability": u16(), "collector_set_id": u32(default=0), "obs_domain_id": u32(default=0),
         "obs_point_id": u32(default=0)},
    ),
    "NXActionSample2": (
        nx.NXAST_SAMPLE2,
        {"probability": u16(), "collector_set_id": u32(default=0), "obs_domain_id": u32(default=0),
         "obs_point_id": u32(default=0), "sampling_port": u16(default=0), "_pad": pad(6)},
    ),
    "NXActionFinTimeout": (
        nx.NXAST_FIN_TIMEOUT,
        {"fin_idle_timeout": u16(), "fin_hard_timeout": u16(), "_pad": pad(2)},
    ),
    "NXActionConjunction": (nx.NXAST_CONJUNCTION, {"clause": u8(), "n_clauses": u8(), "id": u32()}),
    "NXActionMultipath": (
        nx.NXAST_MULTIPATH,
        {"fields": u16(), "basis": u16(), "_pad": pad(2), "algorithm": u16(), "max_link": u16(), "arg": u32(),
         "_pad2": pad(2), "ofs_nbits": u16(), "dst": field_header()},
    ),
    "NXActionWriteMetadata": (nx.NXAST_WRITE_METADATA, {"_pad": pad(6), "metadata": u64(), "metadata_mask": u64()}),
    "NXActionCTClear": (nx.NXAST_CT_CLEAR, {"_pad": pad(6)}),
    "NXActionOutputTrunc": (nx.NXAST_OUTPUT_TRUNC, {"port": u16(), "max_len": u32()}),
    "NXActionEncapNsh": (nx.NXAST_RAW_ENCAP, {"hdr_size": const("H", 0), "new_pkt_type": const("I", 0x0001894F)}),
    "NXActionEncapEther": (nx.NXAST_RAW_ENCAP, {"hdr_size": const("H", 0), "new_pkt_type": const("I", 0)}),
    "NXActionDecNshTtl": (nx.NXAST_DEC_NSH_TTL, {"_pad": pad(6)}),
}  # fmt: skip


def generate(ofp_name: str, ofpp_name: str) -> None:
    """Put the classes into the parser module `ofpp_name`, for the fields of `ofp_name`; its actions then read them."""
    parser, oxm = sys.modules[ofpp_name], getattr(sys.modules[ofp_name], "OXM", OXM)  # 1.0 has no fields of its own
    path, _, name = ofpp_name.rpartition(".")
    package = f"{path}.{name.removeprefix('ofproto_').removesuffix('_parser')}"
    module = f"{package}.nx_actions"  # tells whose they are
    if not parser.OFPActionExperimenter.__module__.startswith(package):
        _own_experimenter(parser, module)
    made: dict[str, Any] = dict(specs_for(oxm, module))
    base = _base(parser, oxm, module)
    made |= {"NXAction": base, "NXActionUnknown": _unknown(base, module)}
    base.unknown = made["NXActionUnknown"]
    for name, (subtype, fields) in REGULAR.items():
        made[name] = _make(base, name, subtype, fields, module)
    for odd in ODD:
        made[odd.__name__] = _make_odd(base, odd, made["_NXFlowSpec"], module)
    for name, cls in made.items():
        setattr(parser, name, cls)


def _base(parser: Any, oxm: Any, module: str) -> Any:
    """NXAction: what all have, and what reads any of them."""
    namespace: dict[str, Any] = {
        "__module__": module,
        "_oxm": oxm,
        "subtypes": {},
        "_read": classmethod(_read),
        "subtype": None,
    }
    parent = parser.OFPActionExperimenter
    namespace["_who"] = (
        "vendor" if hasattr(parent, "vendors") else "experimenter"
    )  # what OpenFlow 1.0 calls it, and 1.3
    base = RecordType("NXAction", (parent,), namespace)
    (parent.vendors if namespace["_who"] == "vendor" else parent.experimenters)[NX_EXPERIMENTER_ID] = base
    return base


def _own_experimenter(parser: Any, module: str) -> None:
    """Give a version that has its experimenters' actions from an earlier one classes of its own."""
    named = {"__module__": module, "_choice": parser.ACTIONS, "experimenters": {}}
    parent: Any = RecordType("OFPActionExperimenter", (parser.OFPActionExperimenter,), named)
    unknown = parser.OFPActionExperimenterUnknown
    fields = {"_pad_to_8": "counted", "_is_unknown": True, "data": rest(default=None), "__module__": module}
    parent.unknown = RecordType(unknown.__name__, (parent,), fields)
    parser.OFPActionExperimenter, parser.OFPActionExperimenterUnknown = parent, parent.unknown
    parser.ACTIONS.classes[parent.type] = parent


def _read(cls: Any, buf: bytes, start: int, end: int) -> Any:
    if end - start < 16:
        raise OpenFlowError(*cls._bad_len)
    (subtype,) = _SUBTYPE.unpack_from(buf, start)
    return cls.subtypes.get(subtype, cls.unknown)._read(buf, start, end)


def _unknown(base: Any, module: str) -> Any:
    """NXActionUnknown: `data` is what stands behind the subtype."""
    fields = {"subtype": u16(), "data": rest(default=None), "_pad_to_8": "counted"}
    return RecordType("NXActionUnknown", (base,), {"__module__": module, **_identity(base), **fields})


def _identity(base: Any) -> dict[str, Any]:
    return {base._who: const("I", NX_EXPERIMENTER_ID)}


def _make(base: Any, name: str, subtype: int, fields: dict[str, Any], module: str) -> Any:
    namespace = {"__module__": module, **_identity(base), "subtype": const("H", subtype), **fields}
    cls = RecordType(name, (base,), namespace)
    base.subtypes[subtype] = cls
    return cls


def _make_odd(base: Any, odd: type[Odd], specs: Any, module: str) -> Any:
    attributes = tuple(sorted((*odd.own, base._who, "len", "subtype", "type")))
    namespace = {
        "__module__": module,
        "__doc__": odd.__doc__,
        "__init__": odd.__init__,
        "_pack": odd._pack,
        "_read": classmethod(odd._read.__func__),  # type: ignore[attr-defined]
        "_attributes": attributes,
        "_texts": dict.fromkeys(odd.texts, "ascii"),
        "_specs": specs,
        **_identity(base),
        "subtype": const("H", odd.number),
    }
    if "stringify_attrs" in odd.__dict__:
        namespace["stringify_attrs"] = odd.__dict__["stringify_attrs"]
    cls = RecordType(odd.__name__, (base, odd), namespace)
    base.subtypes[odd.number] = cls
    return cls
