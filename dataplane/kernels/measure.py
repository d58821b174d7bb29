"""A meter on a packet, as an instruction and as an action of OpenFlow 1.5."""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.emit import drop
from triplane.dataplane.kernels.ethertypes import TYPE_IPV4, TYPE_IPV6
from triplane.dataplane.kernels.fields import BY_NAME, K_ETH_DST, K_IP, KEY_WORDS
from triplane.dataplane.kernels.machine import address_of, view_bytes, view_words
from triplane.dataplane.kernels.meters import METER_DROP, METER_PASS, remark_dscp
from triplane.dataplane.kernels.node import DROP_METER, N_MEM, N_MEM_BYTES, W_KEY, W_STALE
from triplane.dataplane.kernels.outputs import refresh, settle
from triplane.dataplane.kernels.police import measured
from triplane.dataplane.kernels.pool import Words
from triplane.dataplane.kernels.rewrite import set_field

IP_DSCP = BY_NAME["ip_dscp"].number


@kernel
def measure(node: Words, w: Words, row: Words, slot: int) -> bool:
    """A meter, which may change the packet or drop it: False. What it was sent to before is not touched by that."""
    settle(node, w, row)
    verdict = measured(node, w, row, slot)
    if verdict == METER_DROP:
        drop(node, w, row, DROP_METER)
        return False
    if verdict > METER_PASS:
        remark(node, w, row, verdict)
    return True


@kernel
def remark(node: Words, w: Words, row: Words, levels: int) -> None:
    """Raise the drop precedence in the packet's DSCP as it is by now (OFPMBT_DSCP_REMARK)."""
    refresh(node, w, row)
    key = view_words(address_of(w, W_KEY), KEY_WORDS)
    eth_type = key[K_ETH_DST] & 0xFFFF
    if eth_type == TYPE_IPV4 or eth_type == TYPE_IPV6:
        dscp = remark_dscp(key[K_IP] >> 50 & 0x3F, levels)
        set_field(view_bytes(node[N_MEM], node[N_MEM_BYTES]), row, IP_DSCP, dscp, 0)
        w[W_STALE] = 1
