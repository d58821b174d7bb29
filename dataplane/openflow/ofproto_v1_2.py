"""OpenFlow 1.2 numbers, under Ryu's names: `from triplane.dataplane.openflow import ofproto_v1_2 as ofproto`.

They are those of 1.3, but for what came with it.
"""

from __future__ import annotations

from triplane.dataplane.openflow import names
from triplane.dataplane.openflow.nicira_ext import *  # noqa: F403
from triplane.dataplane.openflow.ofproto_v1_3 import *  # noqa: F403
from triplane.dataplane.openflow.ofproto_v1_3 import (  # noqa: F401 # told to be exported
    oxm_tlv_header,
    oxm_tlv_header_extract_hasmask,
    oxm_tlv_header_extract_length,
    oxm_tlv_header_w,
)
from triplane.dataplane.openflow.oxx import Oxx
from triplane.dataplane.openflow.v1_2 import constants as _own
from triplane.dataplane.openflow.v1_2.constants import *  # noqa: F403
from triplane.dataplane.openflow.v1_2.formats import *  # noqa: F403
from triplane.dataplane.openflow.v1_2.match import OXM
from triplane.dataplane.openflow.v1_3 import constants as _v1_3
from triplane.dataplane.openflow.v1_3 import error_codes as _error_codes

SINCE_1_3 = (  # what names of 1.3 begin with that 1.2 does not have
    *("OFPT_MULTIPART", "OFPT_GET_ASYNC", "OFPT_SET_ASYNC", "OFPT_METER", "OFPMP", "OFPTFPT", "OFPIEH", "OFPIT_METER"),
    *("OFPAT_PUSH_PBB", "OFPAT_POP_PBB", "OFP_DEFAULT_PRIORITY", "OFPFF_NO_", "OFPM", "OFP_METER", "OFP_MULTIPART"),
    *("OFP_TABLE_FEATURE", "OFP_DESC_PACK", "OFP_DESC_SIZE", "OFP_FLOW_STATS_REQUEST_0", "OFP_FLOW_STATS_0"),
    *("OFP_AGGREGATE_STATS_REQUEST_0", "OFP_GROUP_DESC_PACK", "OFP_GROUP_DESC_SIZE", "OFP_GROUP_FEATURES_PACK"),
    *("OFP_GROUP_FEATURES_SIZE", "OFP_INSTRUCTION_METER", "OFP_EXPERIMENTER_MULTIPART", "OFP_ASYNC", "ONF"),
    *("OFPET_METER", "OFPET_TABLE_FEATURES", "OFPBRC_BAD_MULTIPART", "OFPBRC_MULTIPART", "OFPTFFC", "OFPHET"),
    *("OFP_HELLO", "OFP_PROP_EXPERIMENTER", "OFPXMT_OFB_MPLS_BOS", "OFPXMT_OFB_PBB", "OFPXMT_OFB_TUNNEL"),
    *("OFPXMT_OFB_IPV6_EXTHDR", "OXM_OF_MPLS_BOS", "OXM_OF_PBB", "OXM_OF_TUNNEL", "OXM_OF_IPV6_EXTHDR"),
)
_KEPT = ("OFPMT_",)
for _name in [name for name in globals() if name.startswith(SINCE_1_3) and not name.startswith(_KEPT)]:
    del globals()[_name]

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

_, ofp_error_type_to_str, ofp_error_code_to_str = names.functions(_v1_3, _error_codes)


def ofp_msg_type_to_str(type_: int) -> str:
    """`OFPT_STATS_REQUEST(18)`."""
    own = names.name_of(_own, "OFPT_", type_)
    return f"{names.name_of(_v1_3, 'OFPT_', type_) if own == names.UNKNOWN else own}({type_})"


__all__ = [name for name in globals() if not name.startswith("__")]
