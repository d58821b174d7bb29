"""Ports, queues and tables as 1.4 describes and changes them (OpenFlow 1.4.1 sections 7.2.1, 7.3.3 to 7.3.5)."""

from __future__ import annotations

from typing import Any, ClassVar

from triplane.dataplane.openflow.v1_4 import constants as ofp
from triplane.dataplane.openflow.v1_4.properties import (
    EXPERIMENTER,
    OFPPropBase,
    OFPPropCommonExperimenter4ByteData,
    family,
)
from triplane.dataplane.openflow.wire import Record, chars, items, length, mac, pad, u8, u16, u32, u64

PORT_DESC_PROPERTIES = family()
PORT_MOD_PROPERTIES = family()
PORT_STATS_PROPERTIES = family()
QUEUE_DESC_PROPERTIES = family()
QUEUE_STATS_PROPERTIES = family()
TABLE_MOD_PROPERTIES = family()


# port description


class OFPPortDescProp(OFPPropBase):
    _choice = PORT_DESC_PROPERTIES


class OFPPortDescPropEthernet(OFPPortDescProp, type=ofp.OFPPDPT_ETHERNET):
    """Features as OFPPF_* bits, speeds in kbps."""

    _pad = pad(4)
    curr: int | None = u32(default=None)
    advertised: int | None = u32(default=None)
    supported: int | None = u32(default=None)
    peer: int | None = u32(default=None)
    curr_speed: int | None = u32(default=None)
    max_speed: int | None = u32(default=None)


class OFPPortDescPropOptical(OFPPortDescProp, type=ofp.OFPPDPT_OPTICAL):
    _pad = pad(4)
    supported: int | None = u32(default=None)
    tx_min_freq_lmda: int | None = u32(default=None)
    tx_max_freq_lmda: int | None = u32(default=None)
    tx_grid_freq_lmda: int | None = u32(default=None)
    rx_min_freq_lmda: int | None = u32(default=None)
    rx_max_freq_lmda: int | None = u32(default=None)
    rx_grid_freq_lmda: int | None = u32(default=None)
    tx_pwr_min: int | None = u16(default=None)
    tx_pwr_max: int | None = u16(default=None)


class OFPPortDescPropExperimenter(OFPPropCommonExperimenter4ByteData, type=EXPERIMENTER):
    _choice = PORT_DESC_PROPERTIES


class OFPPort(Record):
    """A port as the switch describes it; `name` is bytes."""

    port_no: int | None = u32(default=None)
    length = length()
    _pad = pad(2)
    hw_addr: str | None = mac(default=None)
    _pad2 = pad(2)
    name: bytes | None = chars(ofp.OFP_MAX_PORT_NAME_LEN, "utf-8", default=None)
    config: int | None = u32(default=None)
    state: int | None = u32(default=None)
    properties: list[Any] = items(PORT_DESC_PROPERTIES, default=None)
    _order: ClassVar[tuple[str, ...]] = ("port_no", "length")


# port modification


class OFPPortModProp(OFPPropBase):
    _choice = PORT_MOD_PROPERTIES


class OFPPortModPropEthernet(OFPPortModProp, type=ofp.OFPPMPT_ETHERNET):
    advertise: int | None = u32(default=None)


class OFPPortModPropOptical(OFPPortModProp, type=ofp.OFPPMPT_OPTICAL):
    configure: int | None = u32(default=None)
    freq_lmda: int | None = u32(default=None)
    fl_offset: int | None = u32(default=None)
    grid_span: int | None = u32(default=None)
    tx_pwr: int | None = u32(default=None)


class OFPPortModPropExperimenter(OFPPropCommonExperimenter4ByteData, type=EXPERIMENTER):
    _choice = PORT_MOD_PROPERTIES


# port statistics


class OFPPortStatsProp(OFPPropBase):
    _choice = PORT_STATS_PROPERTIES


class OFPPortStatsPropEthernet(OFPPortStatsProp, type=ofp.OFPPSPT_ETHERNET):
    _pad = pad(4)
    rx_frame_err: int | None = u64(default=None)
    rx_over_err: int | None = u64(default=None)
    rx_crc_err: int | None = u64(default=None)
    collisions: int | None = u64(default=None)


class OFPPortStatsPropOptical(OFPPortStatsProp, type=ofp.OFPPSPT_OPTICAL):
    _pad = pad(4)
    flags: int | None = u32(default=None)
    tx_freq_lmda: int | None = u32(default=None)
    tx_offset: int | None = u32(default=None)
    tx_grid_span: int | None = u32(default=None)
    rx_freq_lmda: int | None = u32(default=None)
    rx_offset: int | None = u32(default=None)
    rx_grid_span: int | None = u32(default=None)
    tx_pwr: int | None = u16(default=None)
    rx_pwr: int | None = u16(default=None)
    bias_current: int | None = u16(default=None)
    temperature: int | None = u16(default=None)


class OFPPortStatsPropExperimenter(OFPPropCommonExperimenter4ByteData, type=EXPERIMENTER):
    _choice = PORT_STATS_PROPERTIES


class OFPPortStats(Record):
    _order: ClassVar[tuple[str, ...]] = ("length",)
    length = length()
    _pad = pad(2)
    port_no: int | None = u32(default=None)
    duration_sec: int | None = u32(default=None)
    duration_nsec: int | None = u32(default=None)
    rx_packets: int | None = u64(default=None)
    tx_packets: int | None = u64(default=None)
    rx_bytes: int | None = u64(default=None)
    tx_bytes: int | None = u64(default=None)
    rx_dropped: int | None = u64(default=None)
    tx_dropped: int | None = u64(default=None)
    rx_errors: int | None = u64(default=None)
    tx_errors: int | None = u64(default=None)
    properties: list[Any] = items(PORT_STATS_PROPERTIES, default=None)


# queues


class OFPQueueDescProp(OFPPropBase):
    _choice = QUEUE_DESC_PROPERTIES


class OFPQueueDescPropMinRate(OFPQueueDescProp, type=ofp.OFPQDPT_MIN_RATE):
    """A guaranteed rate, in tenths of a percent."""

    rate: int | None = u16(default=None)
    _pad = pad(2)


class OFPQueueDescPropMaxRate(OFPQueueDescProp, type=ofp.OFPQDPT_MAX_RATE):
    """A rate limit, in tenths of a percent."""

    rate: int | None = u16(default=None)
    _pad = pad(2)


class OFPQueueDescPropExperimenter(OFPPropCommonExperimenter4ByteData, type=EXPERIMENTER):
    _choice = QUEUE_DESC_PROPERTIES


class OFPQueueDesc(Record):
    _order: ClassVar[tuple[str, ...]] = ("port_no", "queue_id", "len")
    port_no: int | None = u32(default=None)
    queue_id: int | None = u32(default=None)
    len = length()
    _pad = pad(6)
    properties: list[Any] = items(QUEUE_DESC_PROPERTIES, default=None)


class OFPQueueStatsProp(OFPPropBase):
    _choice = QUEUE_STATS_PROPERTIES


class OFPQueueStatsPropExperimenter(OFPPropCommonExperimenter4ByteData, type=EXPERIMENTER):
    _choice = QUEUE_STATS_PROPERTIES


class OFPQueueStats(Record):
    _order: ClassVar[tuple[str, ...]] = ("length",)
    length = length()
    _pad = pad(6)
    port_no: int | None = u32(default=None)
    queue_id: int | None = u32(default=None)
    tx_bytes: int | None = u64(default=None)
    tx_packets: int | None = u64(default=None)
    tx_errors: int | None = u64(default=None)
    duration_sec: int | None = u32(default=None)
    duration_nsec: int | None = u32(default=None)
    properties: list[Any] = items(QUEUE_STATS_PROPERTIES, default=None)


# tables


class OFPTableModProp(OFPPropBase):
    _choice = TABLE_MOD_PROPERTIES


class OFPTableModPropEviction(OFPTableModProp, type=ofp.OFPTMPT_EVICTION):
    flags: int | None = u32(default=None)


class OFPTableModPropVacancy(OFPTableModProp, type=ofp.OFPTMPT_VACANCY):
    """Percentages of free entries: where to tell that it goes down, up, and the current one."""

    vacancy_down: int | None = u8(default=None)
    vacancy_up: int | None = u8(default=None)
    vacancy: int | None = u8(default=None)
    _pad = pad(1)


class OFPTableModPropExperimenter(OFPPropCommonExperimenter4ByteData, type=EXPERIMENTER):
    _choice = TABLE_MOD_PROPERTIES


class OFPTableDesc(Record):
    _order: ClassVar[tuple[str, ...]] = ("length",)
    length = length()
    table_id: int | None = u8(default=None)
    _pad = pad(1)
    config: int | None = u32(default=None)
    properties: list[Any] = items(TABLE_MOD_PROPERTIES, default=None)
