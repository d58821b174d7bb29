"""OpenFlow 1.5 numbers, under Ryu's names: `from triplane.dataplane.openflow import ofproto_v1_5 as ofproto`."""

from __future__ import annotations

from triplane.dataplane.openflow import names
from triplane.dataplane.openflow.nicira_ext import *  # noqa: F403
from triplane.dataplane.openflow.oxx import Oxx
from triplane.dataplane.openflow.v1_5 import constants as _constants
from triplane.dataplane.openflow.v1_5 import error_codes as _error_codes
from triplane.dataplane.openflow.v1_5.constants import *  # noqa: F403
from triplane.dataplane.openflow.v1_5.error_codes import *  # noqa: F403
from triplane.dataplane.openflow.v1_5.formats import *  # noqa: F403
from triplane.dataplane.openflow.v1_5.oxm_fields import OXM
from triplane.dataplane.openflow.v1_5.oxm_headers import *  # noqa: F403
from triplane.dataplane.openflow.v1_5.oxs import OXS
from triplane.dataplane.openflow.v1_5.oxs_headers import *  # noqa: F403

__all__ = [name for name in globals() if not name.startswith("__")]

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

_oxs = Oxx(OXS)
oxs_from_user_header = _oxs.from_user_header
oxs_from_user = _oxs.from_user
oxs_to_user_header = _oxs.to_user_header
oxs_to_user = _oxs.to_user
oxs_parse = _oxs.parse
oxs_parse_header = _oxs.parse_header
oxs_serialize = _oxs.serialize
oxs_serialize_header = _oxs.serialize_header


def oxs_tlv_header(field: int, length: int) -> int:
    """The header of a statistic of class OFPXSC_OPENFLOW_BASIC."""
    return _constants.OFPXSC_OPENFLOW_BASIC << 16 | field << 9 | length


def oxs_tlv_header_extract_length(header: int) -> int:
    return header & 0xFF


ofp_msg_type_to_str, ofp_error_type_to_str, ofp_error_code_to_str = names.functions(_constants, _error_codes)
