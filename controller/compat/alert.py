"""Alerts of Snort's Unix socket (`ryu.lib.alert`), with their message as text.

Ryu gives it as bytes, which its own app simple_switch_snort joins as text: that worked in Python 2 only. A script that
was mended says `alertmsg[0].decode()`, and may.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

_MESSAGE = struct.Struct("!256s")
_HEADER = struct.Struct("!IIII")
_LAYERS = struct.Struct("!IIIII65535s")
_EVENT = struct.Struct("!IIIIIIIII")


class Message(str):
    """What Snort says."""

    def decode(self, *_arguments: str) -> str:
        return str(self)


class SfTimeval32(NamedTuple):
    tv_sec: int
    tv_usec: int


class Event(NamedTuple):
    """The rule that matched."""

    sig_generator: int
    sig_id: int
    sig_rev: int
    classification: int
    priority: int
    event_id: int
    event_reference: int
    ref_time: SfTimeval32


class PcapPktHdr32(NamedTuple):
    """`len` is the packet's length as it was, `caplen` how much of it is here, in bytes."""

    ts: SfTimeval32
    caplen: int
    len: int


@dataclass
class AlertPkt:
    """Offsets `dlthdr`, `nethdr`, `transhdr` and `data` are in `pkt`."""

    alertmsg: tuple[Message]
    pkth: PcapPktHdr32
    dlthdr: int
    nethdr: int
    transhdr: int
    data: int
    val: int
    pkt: bytes
    event: Event

    _ALERTPKT_SIZE: ClassVar[int] = sum(part.size for part in (_MESSAGE, _HEADER, _LAYERS, _EVENT))  # for snortlib

    @classmethod
    def parser(cls, buf: bytes) -> AlertPkt:
        """Raises struct.error if `buf` is shorter than an alert."""
        layers_at = _MESSAGE.size + _HEADER.size
        text = _MESSAGE.unpack_from(buf)[0].partition(b"\0")[0].decode(errors="replace")
        seconds, micros, caplen, length = _HEADER.unpack_from(buf, _MESSAGE.size)
        datalink, network, transport, data, value, packet = _LAYERS.unpack_from(buf, layers_at)
        *event, event_seconds, event_micros = _EVENT.unpack_from(buf, layers_at + _LAYERS.size)
        header = PcapPktHdr32(SfTimeval32(seconds, micros), caplen, length)
        rule = Event._make([*event, SfTimeval32(event_seconds, event_micros)])
        return cls((Message(text),), header, datalink, network, transport, data, value, packet, rule)
