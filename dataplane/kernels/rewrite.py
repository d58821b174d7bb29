"""Every OpenFlow 1.3 action on a frame, in one place to import from.

All return DONE, ABSENT, EXPIRED or NO_ROOM (`frame`). After any of them the layout columns of the row are right, so
that the next action of a list may follow at once; the key is stale until `fill_key` or `parse`.
"""

from triplane.dataplane.kernels.frame import ABSENT, DONE, EXPIRED, NO_ROOM, copy_frame, pad
from triplane.dataplane.kernels.push_pop import pop_mpls, pop_pbb, pop_vlan, push_mpls, push_pbb, push_vlan
from triplane.dataplane.kernels.set_field import set_field
from triplane.dataplane.kernels.ttl import (
    copy_ttl_in,
    copy_ttl_out,
    dec_mpls_ttl,
    dec_nw_ttl,
    set_mpls_ttl,
    set_nw_ttl,
)

__all__ = [
    "ABSENT",
    "DONE",
    "EXPIRED",
    "NO_ROOM",
    "copy_frame",
    "copy_ttl_in",
    "copy_ttl_out",
    "dec_mpls_ttl",
    "dec_nw_ttl",
    "pad",
    "pop_mpls",
    "pop_pbb",
    "pop_vlan",
    "push_mpls",
    "push_pbb",
    "push_vlan",
    "set_field",
    "set_mpls_ttl",
    "set_nw_ttl",
]
