"""Addresses as text and as bytes (Ryu's `ryu.lib.addrconv`): each packet header that is looked at needs it.

Usual forms are converted here; everything else (an int, a prefix, a MAC address with dots) as netaddr takes it.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import netaddr


class AddressConverter:
    """Of one kind of address, `size` bytes long. `exact` are the two conversions of the usual form."""

    def __init__(
        self,
        size: int,
        exact: tuple[Callable[[bytes], str], Callable[[str], bytes]],
        other: Callable[[Any], Any],
        prefix: Callable[[Any], Any] | None = None,
    ) -> None:
        self._size, self._other, self._prefix = size, other, prefix
        self._to_text, self._to_bytes = exact

    def bin_to_text(self, bin: bytes) -> str:
        """`10.0.0.1`, `fe80::1`, `02:00:00:00:00:01`."""
        if len(bin) != self._size:
            raise netaddr.AddrFormatError(f"{bytes(bin)!r} is not an address of {self._size} bytes")
        return self._to_text(bin)

    def text_to_bin(self, text: Any) -> Any:
        """The bytes; two of them for a prefix: the address and the mask. Raises netaddr.AddrFormatError."""
        try:
            return self._to_bytes(text)
        except (OSError, TypeError, ValueError):
            pass  # not the usual form
        try:
            return self._other(text).packed
        except (netaddr.AddrFormatError, ValueError):
            if self._prefix is None:
                raise
        network = self._prefix(text)
        return network.ip.packed, network.netmask.packed


def _mac_to_text(raw: bytes) -> str:
    return raw.hex(":")


def _mac_to_bytes(text: str) -> bytes:
    if len(text) != 17 or text.count(":") != 5:
        raise ValueError(text)
    return bytes.fromhex(text.replace(":", ""))


def _ip(family: int) -> tuple[Callable[[bytes], str], Callable[[str], bytes]]:
    return lambda raw: socket.inet_ntop(family, raw), lambda text: socket.inet_pton(family, text)


ipv4 = AddressConverter(
    4,
    _ip(socket.AF_INET),
    lambda value: netaddr.IPAddress(value, version=4),
    lambda value: netaddr.IPNetwork(value, version=4),
)
ipv6 = AddressConverter(
    16,
    _ip(socket.AF_INET6),
    lambda value: netaddr.IPAddress(value, version=6),
    lambda value: netaddr.IPNetwork(value, version=6),
)
mac = AddressConverter(6, (_mac_to_text, _mac_to_bytes), lambda value: netaddr.EUI(value, version=48))
