"""OpenFlow 1.3 numbers, under Ryu's names: `from triplane.dataplane.openflow import ofproto_v1_3 as ofproto`."""

from __future__ import annotations

from typing import Any

from triplane.dataplane.openflow import errors
from triplane.dataplane.openflow.oxm import Number
from triplane.dataplane.openflow.v1_3 import constants as _constants
from triplane.dataplane.openflow.v1_3.constants import *  # noqa: F403
from triplane.dataplane.openflow.v1_3.error_codes import *  # noqa: F403
from triplane.dataplane.openflow.v1_3.formats import *  # noqa: F403
from triplane.dataplane.openflow.v1_3.onf_constants import *  # noqa: F403
from triplane.dataplane.openflow.v1_3.oxm_fields import OXM
from triplane.dataplane.openflow.v1_3.oxm_headers import *  # noqa: F403

__all__ = [name for name in globals() if not name.startswith("__")]


# OXM headers


def oxm_tlv_header(field: int, length: int) -> int:
    """The header of a field of class OFPXMC_OPENFLOW_BASIC."""
    return _constants.OFPXMC_OPENFLOW_BASIC << 16 | field << 9 | length


def oxm_tlv_header_w(field: int, length: int) -> int:
    """The same with a mask; `length` is that of the value alone."""
    return _constants.OFPXMC_OPENFLOW_BASIC << 16 | field << 9 | 1 << 8 | length * 2


def oxm_tlv_header_extract_hasmask(header: int) -> int:
    return header >> 8 & 1


def oxm_tlv_header_extract_length(header: int) -> int:
    """Length of the value alone."""
    return (header & 0xFF) >> (header >> 8 & 1)


# between names with values as scripts have them ("user") and numbers with bytes


def oxm_get_field_info_by_name(name: str) -> tuple[Number, Any]:
    """Number and kind of value of a field. Raises KeyError."""
    field = OXM.named(name)
    return field.num, field.kind


def oxm_from_user_header(name: str) -> Number:
    return OXM.named(name).num


def oxm_from_user(name: str, user_value: Any) -> tuple[Number, bytes | None, bytes | None]:
    """Number, value and mask, as bytes."""
    field = OXM.named(name)
    if user_value is None or user_value == ():
        return field.num, None, None
    value, mask = user_value if isinstance(user_value, tuple | list) else (user_value, None)
    return field.num, field.kind.encode(value), None if mask is None else field.kind.encode(mask)


def oxm_to_user_header(number: Number) -> str:
    field = OXM.by_number.get(number)
    return field.name if field else f"field_{number}"


def oxm_to_user(number: Number, value: bytes | None, mask: bytes | None) -> tuple[str, Any]:
    """Name and value as scripts have them."""
    return (oxm_to_user_header(number), None) if value is None else OXM.user(number, value, mask)


def oxm_normalize_user(name: str, user_value: Any) -> tuple[str, Any]:
    """The value as it will be read back: masked, addresses in their usual text."""
    _, wire = OXM.encode(name, user_value)
    return OXM.decode(wire, 0, len(wire))[0]


def oxm_parse(buf: bytes, offset: int) -> tuple[Number, bytes, bytes | None, int]:
    """Number, value, mask and length of the TLV at `offset`. Raises OpenFlowError."""
    number, _, stop, value, mask = OXM.split(bytes(buf), offset, len(buf))
    return number, value, mask, stop - offset


def oxm_parse_header(buf: bytes, offset: int) -> tuple[Number, int]:
    """Number of the TLV at `offset`, and the length of it all but the value (and mask)."""
    number, _, stop, value, _ = OXM.split(bytes(buf), offset, len(buf))
    return number, stop - offset - len(value)


def oxm_serialize(number: Number, value: bytes, mask: bytes | None, buf: bytearray, offset: int) -> int:
    """Put a TLV into `buf`; returns its length."""
    field = OXM.by_number.get(number) or OXM.named(f"field_{number}")
    data = (field.plain + value) if mask is None else (field.masked + value + mask)
    buf[offset : offset + len(data)] = data
    return len(data)


def oxm_serialize_header(number: Number, buf: bytearray, offset: int) -> int:
    """Put a TLV's header into `buf`; returns its length."""
    header = OXM.by_number[number].plain
    buf[offset : offset + len(header)] = header
    return len(header)


# names of numbers


def ofp_msg_type_to_str(type_: int) -> str:
    """`OFPT_FLOW_MOD(14)`."""
    names = (name for name, value in vars(_constants).items() if name.startswith("OFPT_") and value == type_)
    return f"{next(names, 'Unknown')}({type_})"


def ofp_error_type_to_str(type_: int) -> str:
    """`OFPET_BAD_MATCH(4)`."""
    return f"{errors.type_name(type_)}({type_})"


def ofp_error_code_to_str(type_: int, code: int) -> str:
    """`OFPBMC_BAD_PREREQ(9)`."""
    return f"{errors.code_name(type_, code)}({code})"


def ofp_error_to_jsondict(type_: int, code: int) -> dict[str, str]:
    return {"type": ofp_error_type_to_str(type_), "code": ofp_error_code_to_str(type_, code)}
