"""Actions (OpenFlow 1.0.0 section 5.2.4). Nicira's are those of `v1_3`: their wire format is the same."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from struct import Struct
from typing import Any, ClassVar

from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.v1_0 import constants as ofp
from triplane.dataplane.openflow.v1_0 import error_codes as ec
from triplane.dataplane.openflow.v1_0.match import ipv4_value, mac_value
from triplane.dataplane.openflow.v1_3.actions import OFPActionExperimenter as _Nicira
from triplane.dataplane.openflow.values import ipv4_text, mac_text
from triplane.dataplane.openflow.wire import Choice, Record, const, converted, length, pad, rest, u8, u16, u32

_VENDOR = Struct("!HHI")
MAX_LEN = 0xFFE5  # OFPCML_MAX of later versions: 1.0 names no such number, Ryu takes this one

ACTIONS = Choice(
    unknown=(ec.OFPET_BAD_ACTION, ec.OFPBAC_BAD_TYPE),
    bad_len=(ec.OFPET_BAD_ACTION, ec.OFPBAC_BAD_LEN),
)


class OFPActionHeader(Record):
    """Type and length alone."""

    type: int = u16(alias="type_")
    len: int = u16(alias="len_")
    _pad = pad(4)


class OFPAction(Record):
    """What scripts check actions against."""

    _choice = ACTIONS
    _bad_len = ACTIONS.bad_len
    type = const("H")
    len = length()

    cls_action_type: ClassVar[int] = -1

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.cls_action_type = cls.__dict__.get("type", cls.cls_action_type)

    @classmethod
    def parser(cls, buf: bytes, offset: int) -> Any:
        """The action at `offset`, of whatever class it is."""
        found = cls._choice.parser(buf, offset)
        base = cls.__mro__[1]  # source and target are read by one another's classes, as in Ryu
        if "type" in cls.__dict__ and not isinstance(found, cls if base is OFPAction else base):
            raise OpenFlowError(*ACTIONS.unknown)
        return found

    def stringify_attrs(self) -> Iterator[tuple[str, Any]]:
        return ((name, value) for name, value in super().stringify_attrs() if name not in ("type", "len"))


class OFPActionOutput(OFPAction, type=ofp.OFPAT_OUTPUT):
    """To a port; `max_len` bytes of the packet if that is the controller."""

    port: int = u16()
    max_len: int = u16(default=MAX_LEN)


class OFPActionVlanVid(OFPAction, type=ofp.OFPAT_SET_VLAN_VID):
    vlan_vid: int = u16()
    _pad = pad(2)


class OFPActionVlanPcp(OFPAction, type=ofp.OFPAT_SET_VLAN_PCP):
    vlan_pcp: int = u8()
    _pad = pad(3)


class OFPActionStripVlan(OFPAction, type=ofp.OFPAT_STRIP_VLAN):
    _pad = pad(4)


class OFPActionDlAddr(OFPAction):
    """What both MAC address actions are; `dl_addr` is bytes, as in Ryu."""

    dl_addr: Any = converted("6s", mac_value)
    _pad = pad(6)

    def to_jsondict(self, encode_string: Any = b64encode) -> dict[str, Any]:
        return {type(self).__name__: {"dl_addr": mac_text(self.dl_addr)}}

    @classmethod
    def from_jsondict(cls, dict_: dict[str, Any], *_: Any, **__: Any) -> Any:
        return cls(dict_["dl_addr"])


class OFPActionSetDlSrc(OFPActionDlAddr, type=ofp.OFPAT_SET_DL_SRC):
    pass


class OFPActionSetDlDst(OFPActionDlAddr, type=ofp.OFPAT_SET_DL_DST):
    pass


class OFPActionNwAddr(OFPAction):
    """What both IPv4 address actions are; `nw_addr` is a number, as in Ryu."""

    nw_addr: Any = converted("I", ipv4_value)

    def to_jsondict(self, encode_string: Any = b64encode) -> dict[str, Any]:
        return {type(self).__name__: {"nw_addr": ipv4_text(self.nw_addr.to_bytes(4, "big"))}}

    @classmethod
    def from_jsondict(cls, dict_: dict[str, Any], *_: Any, **__: Any) -> Any:
        return cls(dict_["nw_addr"])


class OFPActionSetNwSrc(OFPActionNwAddr, type=ofp.OFPAT_SET_NW_SRC):
    pass


class OFPActionSetNwDst(OFPActionNwAddr, type=ofp.OFPAT_SET_NW_DST):
    pass


class OFPActionSetNwTos(OFPAction, type=ofp.OFPAT_SET_NW_TOS):
    """Sets the DSCP: the upper six bits of `tos`."""

    tos: int = u8()
    _pad = pad(3)


class OFPActionTpPort(OFPAction):
    """What both TCP and UDP port actions are."""

    tp: int = u16()
    _pad = pad(2)


class OFPActionSetTpSrc(OFPActionTpPort, type=ofp.OFPAT_SET_TP_SRC):
    pass


class OFPActionSetTpDst(OFPActionTpPort, type=ofp.OFPAT_SET_TP_DST):
    pass


class OFPActionEnqueue(OFPAction, type=ofp.OFPAT_ENQUEUE):
    """To a queue of a port."""

    port: int = u16()
    _pad = pad(6)
    queue_id: int = u32()


class OFPActionVendor(OFPAction, type=ofp.OFPAT_VENDOR):
    """A vendor's action. Classes for a vendor register in `vendors`; Nicira's actions are known."""

    vendors: ClassVar[dict[int, Any]] = {}
    vendor: int = u32()

    @classmethod
    def _read(cls, buf: bytes, start: int, end: int) -> Any:
        if end - start < 8:
            raise OpenFlowError(*cls._bad_len)
        vendor = _VENDOR.unpack_from(buf, start)[2]
        known = cls.vendors.get(vendor) or _Nicira.experimenters.get(vendor, OFPActionVendorUnknown)
        return known._read(buf, start, end)

    @staticmethod
    def register_action_vendor(vendor: int) -> Any:
        """Decorator: this class reads the actions of `vendor`."""

        def register(cls: Any) -> Any:
            OFPActionVendor.vendors[vendor] = cls
            return cls

        return register


OFPActionExperimenter = OFPActionVendor


class OFPActionVendorUnknown(OFPActionVendor):
    """The data of a vendor's action, as bytes; padded to a multiple of 8 when written."""

    _pad_to_8 = "counted"
    data: bytes | None = rest(default=None)


ACTIONS.classes[ofp.OFPAT_VENDOR] = OFPActionVendor
