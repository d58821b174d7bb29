"""Actions (OpenFlow 1.3.5 section 7.2.5)."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Any, ClassVar, Self

from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.match import OFPMatchField, oxm_from_jsondict, oxm_to_jsondict
from triplane.dataplane.openflow.oxm import Table
from triplane.dataplane.openflow.v1_3 import constants as ofp
from triplane.dataplane.openflow.v1_3 import error_codes as ec
from triplane.dataplane.openflow.v1_3.oxm_fields import OXM
from triplane.dataplane.openflow.wire import Choice, Record, const, length, pad, rest, u8, u16, u32

ETH_TYPE_IP, ETH_TYPE_8021Q, ETH_TYPE_MPLS = 0x0800, 0x8100, 0x8847
_TYPE_AND_LENGTH = Struct("!HH")
_EXPERIMENTER = Struct("!HHI")

ACTIONS = Choice(
    unknown=(ec.OFPET_BAD_ACTION, ec.OFPBAC_BAD_TYPE),
    bad_len=(ec.OFPET_BAD_ACTION, ec.OFPBAC_BAD_LEN),
)


class OFPActionHeader(Record):
    """Type and length, which every action starts with."""

    _choice = ACTIONS
    _bad_len = ACTIONS.bad_len
    type = const("H")
    len = length()


class OFPAction(OFPActionHeader):
    """What scripts check actions against."""

    cls_action_type: ClassVar[int] = -1

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.cls_action_type = cls.__dict__.get("type", cls.cls_action_type)

    @classmethod
    def parser(cls, buf: bytes, offset: int) -> Any:
        """The action at `offset`, of whatever class it is."""
        return cls._choice.parser(buf, offset)


class OFPActionOutput(OFPAction, type=ofp.OFPAT_OUTPUT):
    """To a port; `max_len` bytes of the packet if that is the controller."""

    port: int = u32()
    max_len: int = u16(default=ofp.OFPCML_MAX)
    _pad = pad(6)


class OFPActionGroup(OFPAction, type=ofp.OFPAT_GROUP):
    group_id: int = u32(default=0)


class OFPActionSetQueue(OFPAction, type=ofp.OFPAT_SET_QUEUE):
    queue_id: int = u32()


class OFPActionSetMplsTtl(OFPAction, type=ofp.OFPAT_SET_MPLS_TTL):
    mpls_ttl: int = u8()
    _pad = pad(3)


class OFPActionDecMplsTtl(OFPAction, type=ofp.OFPAT_DEC_MPLS_TTL):
    _pad = pad(4)


class OFPActionSetNwTtl(OFPAction, type=ofp.OFPAT_SET_NW_TTL):
    nw_ttl: int = u8()
    _pad = pad(3)


class OFPActionDecNwTtl(OFPAction, type=ofp.OFPAT_DEC_NW_TTL):
    _pad = pad(4)


class OFPActionCopyTtlOut(OFPAction, type=ofp.OFPAT_COPY_TTL_OUT):
    _pad = pad(4)


class OFPActionCopyTtlIn(OFPAction, type=ofp.OFPAT_COPY_TTL_IN):
    _pad = pad(4)


class OFPActionPushVlan(OFPAction, type=ofp.OFPAT_PUSH_VLAN):
    ethertype: int = u16(default=ETH_TYPE_8021Q)
    _pad = pad(2)


class OFPActionPushMpls(OFPAction, type=ofp.OFPAT_PUSH_MPLS):
    ethertype: int = u16(default=ETH_TYPE_MPLS)
    _pad = pad(2)


class OFPActionPushPbb(OFPAction, type=ofp.OFPAT_PUSH_PBB):
    ethertype: int = u16()
    _pad = pad(2)


class OFPActionPopVlan(OFPAction, type=ofp.OFPAT_POP_VLAN):
    _pad = pad(4)


class OFPActionPopMpls(OFPAction, type=ofp.OFPAT_POP_MPLS):
    ethertype: int = u16(default=ETH_TYPE_IP)
    _pad = pad(2)


class OFPActionPopPbb(OFPAction, type=ofp.OFPAT_POP_PBB):
    _pad = pad(4)


class OFPActionSetField(OFPAction, type=ofp.OFPAT_SET_FIELD):
    """`OFPActionSetField(eth_dst="aa:bb:cc:dd:ee:ff")`; an OFPMatchField as `field` is Ryu's old form."""

    _oxm: ClassVar[Table] = OXM
    _masks: ClassVar[bool] = False  # may be masked

    def __init__(self, field: OFPMatchField | None = None, **kwargs: Any) -> None:
        if field is not None:
            number, _, _, value, mask = self._oxm.split(field.to_bytes(), 0, 4 + (field.header & 0xFF))
            kwargs = dict([self._oxm.user(number, value, mask)])
        if len(kwargs) != 1:
            raise TypeError("OFPActionSetField takes one field")
        ((self.key, self.value),) = kwargs.items()
        if isinstance(self.value, tuple) and not self._masks:
            raise TypeError("OFPActionSetField takes no mask before OpenFlow 1.5")
        self.len = 4 + len(self._oxm.encode(self.key, self.value)[1]) + 7 & ~7

    @property
    def field(self) -> OFPMatchField:
        """The field in the old interface."""
        header = int.from_bytes(self._oxm.encode(self.key, self.value)[1][:4], "big")
        return OFPMatchField.make(header, self.value)

    def _pack(self) -> bytes:
        _, data = self._oxm.encode(self.key, self.value)
        self.len = 4 + len(data) + 7 & ~7
        return _TYPE_AND_LENGTH.pack(ofp.OFPAT_SET_FIELD, self.len) + data + bytes(self.len - 4 - len(data))

    @classmethod
    def _read(cls, buf: bytes, start: int, end: int) -> Self:
        if end - start < 8:
            raise OpenFlowError(*cls._bad_len)
        try:
            number, _, stop, value, mask = cls._oxm.split(buf, start + 4, end)
            name, user = cls._oxm.user(number, value, mask if cls._masks else None)
        except OpenFlowError:
            raise OpenFlowError(ec.OFPET_BAD_ACTION, ec.OFPBAC_BAD_SET_LEN) from None
        if mask is not None and not cls._masks:
            raise OpenFlowError(ec.OFPET_BAD_ACTION, ec.OFPBAC_BAD_SET_TYPE)
        if end - start != (stop - start + 7 & ~7):
            raise OpenFlowError(ec.OFPET_BAD_ACTION, ec.OFPBAC_BAD_SET_LEN)
        action = cls.__new__(cls)
        action.key, action.value, action.len = name, user, end - start
        return action

    def check(self) -> None:
        """Raise the OpenFlowError a switch gives for a field it does not know; a controller lets it pass."""
        if self.key not in self._oxm.by_name:
            raise OpenFlowError(ec.OFPET_BAD_ACTION, ec.OFPBAC_BAD_SET_TYPE)

    def stringify_attrs(self) -> Iterator[tuple[str, Any]]:
        yield self.key, self.value

    def to_jsondict(self, *_: Any) -> dict[str, Any]:
        body = {"field": oxm_to_jsondict(self.key, self.value), "len": self.len, "type": self.type}
        return {"OFPActionSetField": body}

    @classmethod
    def from_jsondict(cls, dict_: dict[str, Any], *_: Any, **__: Any) -> Self:
        return cls(**dict([oxm_from_jsondict(dict_["field"])]))


class OFPActionExperimenter(OFPAction, type=ofp.OFPAT_EXPERIMENTER):
    """An experimenter's action. Subclasses with a layout of their own register in `experimenters` by their id.

    One that nobody registered is read as OFPActionExperimenterUnknown.
    """

    experimenters: ClassVar[dict[int, Any]] = {}
    unknown: ClassVar[Any]
    experimenter: int = u32()

    @classmethod
    def _read(cls, buf: bytes, start: int, end: int) -> Any:
        if end - start < 8:
            raise OpenFlowError(*cls._bad_len)
        (_, _, experimenter) = _EXPERIMENTER.unpack_from(buf, start)
        return cls.experimenters.get(experimenter, cls.unknown)._read(buf, start, end)


class OFPActionExperimenterUnknown(OFPActionExperimenter):
    """The data of an experimenter's action, as bytes; padded to a multiple of 8 when written."""

    _pad_to_8 = "counted"
    _is_unknown = True
    data: bytes | None = rest(default=None)


OFPActionExperimenter.unknown = OFPActionExperimenterUnknown
ACTIONS.classes[ofp.OFPAT_EXPERIMENTER] = OFPActionExperimenter
