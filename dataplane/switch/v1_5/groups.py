"""Group-mods and group descriptions of 1.5, whose buckets have ids and properties (OpenFlow 1.5.1 section 7.3.4.3).

The data plane's buckets are 1.3's: weight and watches are in their heads.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.v1_5 import constants as ofp
from triplane.dataplane.openflow.v1_5 import error_codes as ec
from triplane.dataplane.switch import requests
from triplane.dataplane.switch.connection import Request
from triplane.dataplane.switch.state import Switch
from triplane.dataplane.switch.v1_4.properties import pack_property, read_properties

GROUP_MOD = Struct("!HBxIH2xI")  # command, type, group_id, bucket_array_len, command_bucket_id
GROUP_DESC = Struct("!HBxIH6x")  # length, type, group_id, bucket_array_len
BUCKET = Struct("!HHI")  # length, action_array_len, bucket_id
OLD_BUCKET = Struct("!HHII4x")  # 1.3's: length, weight, watch_port, watch_group
OLD_DESC = Struct("!HBxI")  # length, type, group_id
WEIGHT = Struct("!H2x")
NUMBER = Struct("!I")
PROPERTIES = {
    ofp.OFPGBPT_WEIGHT: WEIGHT.size,
    ofp.OFPGBPT_WATCH_PORT: NUMBER.size,
    ofp.OFPGBPT_WATCH_GROUP: NUMBER.size,
}
NOTHING = 0xFFFFFFFF  # OFPP_ANY, OFPG_ANY: watches none


def failed(code: int) -> OpenFlowError:
    return OpenFlowError(ec.OFPET_GROUP_MOD_FAILED, code)


class Mod(NamedTuple):
    """A group-mod; `buckets` are 1.3's, `ids` theirs."""

    command: int
    kind: int
    group_id: int
    place: int  # command_bucket_id
    ids: tuple[int, ...]
    buckets: list[bytes]


# from the wire


def group_mod(switch: Switch, request: Request) -> list[bytes]:
    change_group(switch, read_group_mod(switch, request.body), request)
    requests.forward(switch, request, ofp.OFPRFR_GROUP_MOD)
    return []


def change_group(switch: Switch, mod: Mod, request: Request) -> None:
    if mod.command == ofp.OFPGC_INSERT_BUCKET:
        insert_buckets(switch, mod, request.now)
    elif mod.command == ofp.OFPGC_REMOVE_BUCKET:
        remove_buckets(switch, mod, request.now)
    else:
        buckets = b"".join(mod.buckets)
        version = request.data[0]
        gone = switch.datapath.group_mod(mod.command, mod.kind, mod.group_id, buckets, request.now, mod.ids, version)
        switch.flows_changed(gone, request.conn, lambda at: request.xid)


def read_group_mod(switch: Switch, body: bytes) -> Mod:
    command, kind, group_id, length, place = GROUP_MOD.unpack_from(body)
    start, end = GROUP_MOD.size, GROUP_MOD.size + length
    if end > len(body):
        raise failed(ec.OFPGMFC_BAD_BUCKET)
    read_properties(body[end:], {})  # none is defined
    if command == ofp.OFPGC_INSERT_BUCKET:
        kind = switch.datapath.group_parts(group_id)[0]
    pairs = list(read_buckets(body[start:end], kind))
    return Mod(command, kind, group_id, place, tuple(number for number, _ in pairs), [bucket for _, bucket in pairs])


def read_buckets(data: bytes, kind: int) -> Iterator[tuple[int, bytes]]:
    """Ids and buckets. Raises OpenFlowError."""
    at = 0
    while at < len(data):
        if len(data) - at < BUCKET.size:
            raise failed(ec.OFPGMFC_BAD_BUCKET)
        length, actions, number = BUCKET.unpack_from(data, at)
        whole = BUCKET.size + actions <= length <= len(data) - at
        if not whole or length % 8 or number > ofp.OFPG_BUCKET_MAX:
            raise failed(ec.OFPGMFC_BAD_BUCKET)
        start = at + BUCKET.size
        yield number, old_bucket(data[start : start + actions], data[start + actions : at + length], kind)
        at += length


def old_bucket(actions: bytes, properties: bytes, kind: int) -> bytes:
    """1.3's bucket. Without a weight, a bucket of a select group has the weight 1, as for Open vSwitch."""
    found = read_properties(properties, PROPERTIES)
    usual = WEIGHT.pack(1 if kind == ofp.OFPGT_SELECT else 0)
    (weight,) = WEIGHT.unpack(found.get(ofp.OFPGBPT_WEIGHT, usual))
    (port,) = NUMBER.unpack(found.get(ofp.OFPGBPT_WATCH_PORT, NUMBER.pack(NOTHING)))
    (group,) = NUMBER.unpack(found.get(ofp.OFPGBPT_WATCH_GROUP, NUMBER.pack(NOTHING)))
    return OLD_BUCKET.pack(OLD_BUCKET.size + len(actions), weight, port, group) + actions


# single buckets


def insert_buckets(switch: Switch, mod: Mod, now: int) -> None:
    """Before the first bucket, behind the last, or behind the one that is named."""
    _, ids, buckets = switch.datapath.group_parts(mod.group_id)
    if set(ids) & set(mod.ids):
        raise failed(ec.OFPGMFC_BUCKET_EXISTS)
    if mod.place == ofp.OFPG_BUCKET_FIRST:
        at = 0
    elif mod.place == ofp.OFPG_BUCKET_LAST:
        at = len(ids)
    else:
        at = place_of(ids, mod.place) + 1
    merged = (*ids[:at], *mod.ids, *ids[at:])
    switch.datapath.group_rebuild(mod.group_id, merged, buckets[:at] + mod.buckets + buckets[at:], now)


def remove_buckets(switch: Switch, mod: Mod, now: int) -> None:
    """The first, the last, the named one, or all; the message has no buckets."""
    _, ids, buckets = switch.datapath.group_parts(mod.group_id)
    if mod.buckets:
        raise failed(ec.OFPGMFC_BAD_BUCKET)
    if mod.place == ofp.OFPG_BUCKET_ALL:
        switch.datapath.group_rebuild(mod.group_id, (), [], now)
        return
    if mod.place in (ofp.OFPG_BUCKET_FIRST, ofp.OFPG_BUCKET_LAST):
        if not ids:
            return
        at = 0 if mod.place == ofp.OFPG_BUCKET_FIRST else len(ids) - 1
    else:
        at = place_of(ids, mod.place)
    switch.datapath.group_rebuild(mod.group_id, ids[:at] + ids[at + 1 :], buckets[:at] + buckets[at + 1 :], now)


def place_of(ids: tuple[int, ...], number: int) -> int:
    if number not in ids:
        raise failed(ec.OFPGMFC_UNKNOWN_BUCKET)
    return ids.index(number)


# to the wire


def group_desc(switch: Switch, request: Request, body: bytes) -> Iterator[bytes]:
    """OFPMP_GROUP_DESC, 7.3.5.11, of one group or of all."""
    (wanted,) = Struct("!I4x").unpack(body)
    for old in switch.datapath.group_desc():
        _, kind, group_id = OLD_DESC.unpack_from(old)
        if wanted in (group_id, ofp.OFPG_ALL):
            yield encode_group(switch, kind, group_id)


def encode_group(switch: Switch, kind: int, group_id: int) -> bytes:
    _, ids, buckets = switch.datapath.group_parts(group_id)
    told = b"".join(new_bucket(number, bucket, kind) for number, bucket in zip(ids, buckets, strict=True))
    return GROUP_DESC.pack(GROUP_DESC.size + len(told), kind, group_id, len(told)) + told


def new_bucket(number: int, bucket: bytes, kind: int) -> bytes:
    """1.5's bucket of the data plane's."""
    _, weight, port, group = OLD_BUCKET.unpack_from(bucket)
    actions = bucket[OLD_BUCKET.size :]
    properties = pack_property(ofp.OFPGBPT_WEIGHT, WEIGHT.pack(weight)) if kind == ofp.OFPGT_SELECT else b""
    if port != NOTHING:
        properties += pack_property(ofp.OFPGBPT_WATCH_PORT, NUMBER.pack(port))
    if group != NOTHING:
        properties += pack_property(ofp.OFPGBPT_WATCH_GROUP, NUMBER.pack(group))
    length = BUCKET.size + len(actions) + len(properties)
    return BUCKET.pack(length, len(actions), number) + actions + properties
