"""OpenFlow 1.4 numbers, under Ryu's names: `from triplane.dataplane.openflow import ofproto_v1_4 as ofproto`."""

from __future__ import annotations

from triplane.dataplane.openflow import names
from triplane.dataplane.openflow.nicira_ext import *  # noqa: F403
from triplane.dataplane.openflow.oxx import Oxx
from triplane.dataplane.openflow.v1_4 import constants as _constants
from triplane.dataplane.openflow.v1_4 import error_codes as _error_codes
from triplane.dataplane.openflow.v1_4.constants import *  # noqa: F403
from triplane.dataplane.openflow.v1_4.error_codes import *  # noqa: F403
from triplane.dataplane.openflow.v1_4.formats import *  # noqa: F403
from triplane.dataplane.openflow.v1_4.oxm_fields import OXM
from triplane.dataplane.openflow.v1_4.oxm_headers import *  # noqa: F403

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


ofp_msg_type_to_str, ofp_error_type_to_str, ofp_error_code_to_str = names.functions(_constants, _error_codes)
