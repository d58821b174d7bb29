"""Field values as scripts write them, and as bytes on the wire.

MAC addresses are `aa:bb:cc:dd:ee:ff`, IP addresses their usual text, everything else an int. Raw bytes are
taken too, and an int where an address is meant. On the wire all is big-endian. A bad value raises ValueError
or TypeError: it comes from the script, never from the peer.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from struct import Struct
from typing import Any, NamedTuple

_EIGHT_WORDS = Struct("!8H")


class Kind(NamedTuple):
    """How one kind of value is written: `encode` to `size` bytes (0: any), `decode` back."""

    name: str
    size: int
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]


@lru_cache(maxsize=8192)  # a controller meets the same few addresses again and again
def _mac_from_text(text: str) -> bytes:
    groups = text.replace("-", ":").split(":")
    if len(groups) != 6 or any(not 1 <= len(group) <= 2 for group in groups):
        raise ValueError(f"not a MAC address: {text!r}")
    return bytes(int(group, 16) for group in groups)


def mac_bytes(value: Any) -> bytes:
    """The 6 bytes of a MAC address."""
    if value.__class__ is str:
        return _mac_from_text(value)
    return _raw(value, 6)


def mac_text(raw: bytes) -> str:
    return raw.hex(":")


@lru_cache(maxsize=8192)
def _ipv4_from_text(text: str) -> bytes:
    try:
        return inet_pton(AF_INET, text)
    except OSError:
        raise ValueError(f"not an IPv4 address: {text!r}") from None


def ipv4_bytes(value: Any) -> bytes:
    """The 4 bytes of an IPv4 address."""
    if value.__class__ is str:
        return _ipv4_from_text(value)
    return _raw(value, 4)


def ipv4_text(raw: bytes) -> str:
    return f"{raw[0]}.{raw[1]}.{raw[2]}.{raw[3]}"


@lru_cache(maxsize=8192)
def _ipv6_from_text(text: str) -> bytes:
    try:
        return inet_pton(AF_INET6, text)
    except OSError:
        raise ValueError(f"not an IPv6 address: {text!r}") from None


def ipv6_bytes(value: Any) -> bytes:
    """The 16 bytes of an IPv6 address; a list of eight 16-bit words is Ryu's old form."""
    if value.__class__ is str:
        return _ipv6_from_text(value)
    if isinstance(value, list | tuple):
        return _EIGHT_WORDS.pack(*value)
    return _raw(value, 16)


def ipv6_text(raw: bytes) -> str:
    return inet_ntop(AF_INET6, raw)


def _raw(value: Any, size: int) -> bytes:
    if isinstance(value, int):
        return value.to_bytes(size, "big")
    raw = bytes(value) if isinstance(value, bytes | bytearray | memoryview) else str(value).encode()
    if len(raw) != size:
        raise ValueError(f"{value!r} is not {size} bytes long")
    return raw


def _int_kind(size: int) -> Kind:
    limit = (1 << 8 * size) - 1

    def encode(value: Any) -> bytes:
        # as in Ryu, what does not fit is cut off: scripts pass -1 for a full mask
        if value.__class__ is int or isinstance(value, int):
            raw: bytes = (value & limit).to_bytes(size, "big")
            return raw
        return _raw(value, size)

    return Kind(f"int{size}", size, encode, lambda raw: int.from_bytes(raw, "big"))


INT1, INT2, INT3, INT4, INT8, INT16 = (_int_kind(size) for size in (1, 2, 3, 4, 8, 16))
MAC = Kind("mac", 6, mac_bytes, mac_text)
IPV4 = Kind("ipv4", 4, ipv4_bytes, ipv4_text)
IPV6 = Kind("ipv6", 16, ipv6_bytes, ipv6_text)
UNKNOWN = Kind("unknown", 0, b64decode, lambda raw: b64encode(raw).decode("ascii"))


def prefix_bytes(kind: Kind, text: str) -> tuple[bytes, bytes]:
    """Value and mask of `10.0.0.0/8` or `fe80::/10`; host bits that are set stay set, as in Ryu."""
    address, _, _ = text.partition("/")
    network: IPv4Network | IPv6Network
    network = IPv4Network(text, strict=False) if kind.name == "ipv4" else IPv6Network(text, strict=False)
    return kind.encode(address), network.netmask.packed
