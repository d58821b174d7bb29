"""OpenFlow 1.3 numbers, under Ryu's names: `from triplane.dataplane.openflow import ofproto_v1_3 as ofproto`."""

from __future__ import annotations

from triplane.dataplane.openflow import names
from triplane.dataplane.openflow.nicira_ext import *  # noqa: F403
from triplane.dataplane.openflow.oxx import Oxx
from triplane.dataplane.openflow.v1_3 import constants as _constants
from triplane.dataplane.openflow.v1_3 import error_codes as _error_codes
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

_oxm = Oxx(OXM)
oxm_get_field_info_by_name = _oxm.get_field_info_by_name
oxm_from_user_header = _oxm.from_user_header
oxm_from_user = _oxm.from_user
oxm_to_user_header = _oxm.to_user_header
oxm_to_user = _oxm.to_user
oxm_normalize_user = _oxm.normalize_user
oxm_parse = _oxm.parse
oxm_parse_header = _oxm.parse_header
oxm_serialize = _oxm.serialize
oxm_serialize_header = _oxm.serialize_header

ofp_msg_type_to_str, ofp_error_type_to_str, ofp_error_code_to_str = names.functions(_constants, _error_codes)
