"""OpenFlow 1.2's parser until it is in the codec: enough for modules that import it beside others."""

from triplane.dataplane.openflow.ofproto_v1_3_parser import *  # noqa: F403
