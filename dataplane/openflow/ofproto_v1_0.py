"""OpenFlow 1.0 numbers, under Ryu's names: `from triplane.dataplane.openflow import ofproto_v1_0 as ofproto`."""

from __future__ import annotations

from triplane.dataplane.openflow import names
from triplane.dataplane.openflow.nicira_ext import *  # noqa: F403
from triplane.dataplane.openflow.ofproto_v1_3 import (  # noqa: F401 # told to be exported
    oxm_from_user,
    oxm_from_user_header,
    oxm_get_field_info_by_name,
    oxm_normalize_user,
    oxm_parse,
    oxm_parse_header,
    oxm_serialize,
    oxm_serialize_header,
    oxm_tlv_header,
    oxm_tlv_header_extract_hasmask,
    oxm_tlv_header_extract_length,
    oxm_tlv_header_w,
    oxm_to_user,
    oxm_to_user_header,
)
from triplane.dataplane.openflow.v1_0 import constants as _constants
from triplane.dataplane.openflow.v1_0 import error_codes as _error_codes
from triplane.dataplane.openflow.v1_0.constants import *  # noqa: F403
from triplane.dataplane.openflow.v1_0.error_codes import *  # noqa: F403
from triplane.dataplane.openflow.v1_0.formats import *  # noqa: F403

OFPXMC_OPENFLOW_BASIC = 0x8000
ofp_msg_type_to_str, ofp_error_type_to_str, ofp_error_code_to_str = names.functions(_constants, _error_codes)
__all__ = [name for name in globals() if not name.startswith("__")]
