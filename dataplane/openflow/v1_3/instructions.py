"""Instructions (OpenFlow 1.3.5 section 7.2.4)."""

from __future__ import annotations

from typing import Any

from triplane.dataplane.openflow.v1_3 import constants as ofp
from triplane.dataplane.openflow.v1_3 import error_codes as ec
from triplane.dataplane.openflow.v1_3.actions import ACTIONS
from triplane.dataplane.openflow.wire import Choice, Record, const, items, length, pad, rest, u8, u16, u32, u64

INSTRUCTIONS = Choice(
    unknown=(ec.OFPET_BAD_INSTRUCTION, ec.OFPBIC_UNKNOWN_INST),
    bad_len=(ec.OFPET_BAD_INSTRUCTION, ec.OFPBIC_BAD_LEN),
)


class OFPInstruction(Record):
    """What scripts check instructions against."""

    _choice = INSTRUCTIONS
    _bad_len = INSTRUCTIONS.bad_len
    type = const("H")
    len = length()

    @classmethod
    def parser(cls, buf: bytes, offset: int) -> Any:
        """The instruction at `offset`, of whatever class it is."""
        return cls._choice.parser(buf, offset)


class OFPInstructionGotoTable(OFPInstruction, type=ofp.OFPIT_GOTO_TABLE):
    table_id: int = u8()
    _pad = pad(3)


class OFPInstructionWriteMetadata(OFPInstruction, type=ofp.OFPIT_WRITE_METADATA):
    _pad = pad(4)
    metadata: int = u64()
    metadata_mask: int = u64()


class OFPInstructionActions(
    OFPInstruction, types=(ofp.OFPIT_WRITE_ACTIONS, ofp.OFPIT_APPLY_ACTIONS, ofp.OFPIT_CLEAR_ACTIONS)
):
    """Write, apply or clear actions, by `type`."""

    type: int = u16(alias="type_")
    _pad = pad(4)
    actions: list[Any] = items(ACTIONS, default=None)


class OFPInstructionMeter(OFPInstruction, type=ofp.OFPIT_METER):
    meter_id: int = u32(default=1)


class OFPInstructionExperimenter(OFPInstruction, type=ofp.OFPIT_EXPERIMENTER):
    """An experimenter's instruction, its data as bytes; padded to a multiple of 8 when written."""

    _pad_to_8 = "counted"
    experimenter: int = u32()
    data: bytes | None = rest(default=None)
