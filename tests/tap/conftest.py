"""Ports reach raw memory and libc, which plain Python cannot: their tests are for compiled runs."""

from triplane.dataplane.kernels.compiler import INTERPRETED

COMPILED_ONLY = [
    "kernels/test_outbox.py",
    "kernels/test_partial.py",
    "kernels/test_vnet.py",
    "test_fault.py",
    "test_forwarding.py",
    "test_packet.py",
    "test_pcap.py",
    "test_xdp.py",
]
collect_ignore = COMPILED_ONLY if INTERPRETED else []
