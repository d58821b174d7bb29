from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from os_ken.ofproto import ofproto_v1_3 as ofp
from os_ken.ofproto import ofproto_v1_3_parser as parser

from triplane.dataplane.kernels.arena import make_arena
from triplane.dataplane.tables.flow_uses import FlowUses
from triplane.dataplane.tables.flows import FlowTables
from triplane.dataplane.tables.groups import GroupTable
from triplane.dataplane.tables.meters import MeterTable

DATAPATH = SimpleNamespace(ofproto=ofp, ofproto_parser=parser)


def flow_mod(in_port: int, *instructions: Any) -> bytes:
    message = parser.OFPFlowMod(DATAPATH, match=parser.OFPMatch(in_port=in_port), instructions=list(instructions))
    message.set_xid(0)
    message.serialize()
    return bytes(message.buf)


def write_group(number: int) -> Any:
    return parser.OFPInstructionActions(ofp.OFPIT_WRITE_ACTIONS, [parser.OFPActionGroup(number)])


@pytest.mark.timeout(600)  # the first flow-mod of an installation compiles for a while
def test_statistics_tell_how_many_flows_use_a_group_or_meter() -> None:
    arena = make_arena(1 << 18)
    groups, meters = GroupTable(arena, 1, slots=4), MeterTable(arena, 1, slots=4)
    for number in (5, 6):
        groups.mod(ofp.OFPGC_ADD, ofp.OFPGT_ALL, number, b"", 0)
        meters.mod(ofp.OFPMC_ADD, ofp.OFPMF_KBPS, number, b"", 0)
    flows = FlowTables(arena, 1, groups.arrays.ids, meters.arrays.ids)
    uses = FlowUses(flows.flows, 4, 4)
    groups.uses, meters.uses = uses.groups, uses.meters
    wire = flow_mod(1, write_group(6)) + flow_mod(2, write_group(6), parser.OFPInstructionMeter(5)) + flow_mod(3)
    assert flows.flow_mods(wire, 0, len(wire), 0).errors == []
    references = [parser.OFPGroupStats.parser(one, 0).ref_count for one in groups.stats(ofp.OFPG_ALL, 0)]
    assert references == [0, 2]
    assert [parser.OFPMeterStats.parser(one, 0).flow_count for one in meters.stats(ofp.OFPM_ALL, 0)] == [1, 0]
