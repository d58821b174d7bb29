"""A packet as its protocols (Ryu's `ryu.lib.packet.packet`), taken apart only as far as somebody looks.

The protocols' classes are os-ken's. Each parses its header and says which class comes behind it; `Packet` does the
next such step when it is needed. `get_protocol` stops at the first of a class; `get_protocols` where `_beyond` knows
that no more of it can come: behind TCP there is no second Ethernet header. Whoever looks at `protocols` has them all.

A packet that an app makes, or changes, is a list of protocols from the start.
"""

from __future__ import annotations

import array
import base64
import inspect
import struct
import sys
from collections.abc import Callable, Iterator
from socket import inet_ntoa
from typing import Any

from os_ken.lib.packet import (
    arp,
    ether_types,
    ethernet,
    icmp,
    icmpv6,
    igmp,
    ipv4,
    ipv6,
    lldp,
    packet_base,
    tcp,
    udp,
    vlan,
)
from os_ken.lib.stringify import StringifyMixin

_ETHERNET = ethernet.ethernet
_LENGTH = ether_types.ETH_TYPE_IEEE802_3  # stands for an EtherType that is a length
_IPV4 = ipv4.ipv4
_IPV4_HEADER = struct.Struct("!BBHHHBBH4s4s")  # RFC 791 section 3.1
_new = object.__new__


class Packet(StringifyMixin):  # type: ignore[misc] # os-ken has no types
    """Of `data`, to be taken apart, or of `protocols`, to be serialised. A payload at the end is bytes."""

    def __init__(self, data: Any = None, protocols: list[Any] | None = None, parse_cls: Any = _ETHERNET) -> None:
        self.data = data
        self._found: list[Any] = [] if protocols is None else protocols
        self._next: Any = parse_cls if data else None  # class of what comes next in `_rest`
        self._rest = bytes(data) if isinstance(data, array.array) else data  # None: nothing is left
        if data.__class__ is not bytes or protocols is not None:
            self._take_apart()  # what can change must be read now

    @property
    def protocols(self) -> list[Any]:
        """All of them, in the order of the wire."""
        return self._found if self._rest is None else self._take_apart()

    @protocols.setter
    def protocols(self, protocols: list[Any]) -> None:
        self._found, self._next, self._rest = protocols, None, None

    def _take_apart(self) -> list[Any]:
        while self._next:
            self._step()
        if self._rest and bytes(self._rest).strip(b"\0"):  # padding is no payload
            self._found.append(self._rest)
        self._rest = None
        return self._found

    def _step(self) -> None:
        """Parse one header. Where only zeros are left, or too little for the header, the rest is payload."""
        cls, rest = self._next, self._rest
        if not (rest and rest[0]) and not bytes(rest).strip(b"\0"):
            self._next = None
            return
        try:
            reader = _READERS.get(cls) or cls.parser
            protocol, self._next, self._rest = reader(rest)
        except struct.error:
            self._next = None
            return
        if protocol:
            self._found.append(protocol)

    # looking

    def get_protocols(self, protocol: Any) -> list[Any]:
        """All protocols of a class."""
        cls = protocol if isinstance(protocol, type) else protocol.__class__
        while self._next and (self._next is cls or not _beyond(cls, self._next, self._rest)):
            self._step()
        return [one for one in self._found if one.__class__ is cls or isinstance(one, cls)]

    def get_protocol(self, protocol: Any) -> Any:
        """The first protocol of a class, or None."""
        cls = protocol if isinstance(protocol, type) else protocol.__class__
        seen = 0
        while True:
            for one in self._found[seen:]:
                if one.__class__ is cls or isinstance(one, cls):
                    return one
            seen = len(self._found)
            if not self._next:
                return None
            self._step()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.protocols)

    def __len__(self) -> int:
        return len(self.protocols)

    def __getitem__(self, index: Any) -> Any:
        return self.protocols[index]

    def __contains__(self, protocol: Any) -> bool:
        if inspect.isclass(protocol) and issubclass(protocol, packet_base.PacketBase):
            return any(one.__class__ is protocol for one in self.protocols)
        return protocol in self.protocols

    def __str__(self) -> str:
        return ", ".join(map(repr, self.protocols))

    __repr__ = __str__

    # making

    def add_protocol(self, proto: Any) -> None:
        """Put a header, or a payload of bytes, behind what is there."""
        self.protocols.append(proto)

    def __truediv__(self, trailer: Any) -> Packet:
        self.add_protocol(trailer)
        return self

    __div__ = __truediv__

    def __setitem__(self, index: Any, item: Any) -> None:
        self.protocols[index] = item

    def __delitem__(self, index: Any) -> None:
        del self.protocols[index]

    def serialize(self) -> None:
        """Make `data` of the protocols: lengths and checksums that are 0 are filled in."""
        inner = bytearray()
        for index in reversed(range(len(self.protocols))):
            protocol = self.protocols[index]
            if isinstance(protocol, packet_base.PacketBase):
                outer = self.protocols[index - 1] if index else None
                inner = bytearray(protocol.serialize(inner, outer) + inner)
            else:
                inner = bytearray(bytes(protocol) + inner)
        self.data = inner

    # JSON

    def stringify_attrs(self) -> Iterator[tuple[str, Any]]:
        yield "protocols", self.protocols

    @classmethod
    def from_jsondict(cls, dict_: dict[str, Any], decode_string: Any = base64.b64decode, **_: Any) -> Packet:
        """The packet that `to_jsondict` gave. Raises ValueError for a protocol that is not known."""
        protocols, classes = [], _classes()
        for described in dict_["protocols"]:
            for name, value in described.items():
                if name not in classes:
                    raise ValueError(f"unknown protocol name {name}")
                protocols.append(classes[name].from_jsondict(value))
        return cls(protocols=protocols)


def _classes() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _, module in inspect.getmembers(sys.modules["os_ken.lib.packet"], inspect.ismodule):
        for name, cls in inspect.getmembers(module, inspect.isclass):
            if issubclass(cls, packet_base.PacketBase):
                found[name] = cls
    return found


def __getattr__(name: str) -> dict[str, Any]:
    if name != "PKT_CLS_DICT":  # classes by name; made late, for this module is imported amid its package
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = classes = _classes()
    return classes


def _over(self: Any, trailer: Any) -> Packet:
    return Packet(protocols=[self, trailer])


packet_base.PacketBase.__div__ = packet_base.PacketBase.__truediv__ = _over  # ethernet() / ipv4() / tcp()


# readers that are faster than os-ken's


def _read_ethernet(data: bytes) -> tuple[Any, Any, bytes]:
    if len(data) < _ETHERNET._MIN_LEN:
        raise struct.error
    header = _new(_ETHERNET)
    header.dst = data[0:6].hex(":")
    header.src = data[6:12].hex(":")
    header.ethertype = kind = data[12] << 8 | data[13]
    return header, _ETHERNET._TYPES.get(kind if kind > _LENGTH else _LENGTH), data[14:]


def _read_ipv4(data: bytes) -> tuple[Any, Any, bytes]:
    header = _new(_IPV4)
    found = _IPV4_HEADER.unpack_from(data)
    first, header.tos, header.total_length, header.identification, fragment = found[:5]
    header.ttl, header.proto, header.csum, source, target = found[5:]
    header.version, header.header_length = first >> 4, first & 15
    header.flags, header.offset = fragment >> 13, fragment & 0x1FFF
    header.src, header.dst = inet_ntoa(source), inet_ntoa(target)
    end = 4 * header.header_length
    header.option = data[_IPV4._MIN_LEN : end] if end > _IPV4._MIN_LEN else None
    return header, _IPV4._TYPES.get(header.proto), data[end : header.total_length]


_READERS: dict[Any, Callable[[bytes], tuple[Any, Any, Any]]] = {
    _ETHERNET: _read_ethernet,
    _IPV4: _read_ipv4,
}


# what cannot come

_COMMON = {_ETHERNET, vlan.vlan, vlan.svlan, arp.arp, ipv4.ipv4, ipv6.ipv6, tcp.tcp, udp.udp, icmp.icmp, lldp.lldp}
_LEAVES = {arp.arp, icmp.icmp, icmpv6.icmpv6, igmp.igmp, tcp.tcp, lldp.lldp}  # none of the common come behind these
_PROTOCOL_AT = {ipv4.ipv4: 9, ipv6.ipv6: 6}  # offset of the number that says what comes behind it


def _beyond(wanted: type, cls: Any, rest: bytes) -> bool:
    """Can no `wanted` come in `rest`, which begins with a header of `cls`? False if that is not known."""
    last, at = cls, _PROTOCOL_AT.get(cls)
    if at is not None:
        last = cls._TYPES.get(rest[at]) if len(rest) > at else None
    return last in _LEAVES and wanted in _COMMON and wanted is not cls and wanted is not last
