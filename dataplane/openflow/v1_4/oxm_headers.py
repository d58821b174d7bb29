"""OXM headers that OpenFlow 1.4.1 adds, under Ryu's names."""

from triplane.dataplane.openflow.v1_3.oxm_headers import *  # noqa: F403

OFPXMT_OFB_PBB_UCA = 41
OXM_OF_PBB_UCA = 0x80005201
OXM_OF_PBB_UCA_W = 0x80005302
