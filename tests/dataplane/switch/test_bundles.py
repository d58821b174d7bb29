"""Bundles: requests carried out together or not at all, in 1.4 and as ONF's extension of 1.3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from os_ken.ofproto import ofproto_v1_3 as ofp13
from os_ken.ofproto import ofproto_v1_3_parser as parser13
from os_ken.ofproto import ofproto_v1_4 as ofp
from os_ken.ofproto import ofproto_v1_4_parser as parser
from os_ken.ofproto.ofproto_protocol import ProtocolDesc

from tests.dataplane.switch.peer import DESC as DESC13
from tests.dataplane.switch.peer import SECOND, Peer, build, raw, switch
from triplane.dataplane.switch import wire
from triplane.dataplane.switch.datapath import PacketIn
from triplane.dataplane.switch.state import AgentConfig
from triplane.dataplane.tables.punts import packet_match

DESC = ProtocolDesc(version=ofp.OFP_VERSION)
OPEN, CLOSE, COMMIT, DISCARD = range(0, 8, 2)
BOTH = ofp.OFPBF_ATOMIC | ofp.OFPBF_ORDERED
BUNDLE = ofp.OFPET_BUNDLE_FAILED
FRAME = bytes.fromhex("ffffffffffff 020000000001 0806") + bytes(46)


class Script:
    """The requests of one version, and a peer that speaks it."""

    def __init__(self, version: int, config: AgentConfig) -> None:
        self.agent, self.datapath = switch(config)
        self.version, self.desc = version, DESC if version == 5 else DESC13
        self.parser = parser if version == 5 else parser13
        self.peer = Peer(self.agent, wire.hello((version,)))

    def control(self, kind: int, bundle: int = 1, flags: int = BOTH) -> Any:
        make = parser.OFPBundleCtrlMsg if self.version == 5 else parser13.ONFBundleCtrlMsg
        return make(self.desc, bundle, kind, flags, [])

    def add(self, message: Any, bundle: int = 1, flags: int = BOTH, xid: int = 77) -> bytes:
        make = parser.OFPBundleAddMsg if self.version == 5 else parser13.ONFBundleAddMsg
        message.xid = None
        return build(make(self.desc, bundle, flags, message, []), xid)

    def flow(self, priority: int, **more: Any) -> Any:
        return self.parser.OFPFlowMod(self.desc, priority=priority, **more)

    def group(self, command: int = ofp.OFPGC_ADD) -> Any:
        return self.parser.OFPGroupMod(self.desc, command, ofp.OFPGT_ALL, 5, [])

    def port(self) -> Any:
        config = ofp.OFPPC_NO_FWD
        if self.version == 5:
            return parser.OFPPortMod(DESC, 1, "02:00:00:00:00:01", config, config, [])
        return parser13.OFPPortMod(DESC13, 1, "02:00:00:00:00:01", config, config, 0)

    def table(self, config: int = ofp.OFPTC_DEPRECATED_MASK, table: int = 3) -> Any:
        properties = ([],) if self.version == 5 else ()
        return self.parser.OFPTableMod(self.desc, table, config, *properties)

    def packet(
        self, in_port: int = ofp.OFPP_CONTROLLER, buffer_id: int = ofp.OFP_NO_BUFFER, data: bytes | None = FRAME
    ) -> Any:
        output = [self.parser.OFPActionOutput(1)]
        return self.parser.OFPPacketOut(self.desc, buffer_id, in_port, output, data)

    def code(self, reply: Any) -> int:
        """OFPBFC_* of the error, whichever way the version says it."""
        if self.version == 5:
            assert reply.type == BUNDLE
            return int(reply.code)
        assert (reply.type, reply.experimenter) == (ofp13.OFPET_EXPERIMENTER, 0x4F4E4600)
        return int(reply.exp_type) - ofp13.ONFERR_ET_UNKNOWN

    def refused(self, *requests: Any) -> int:
        """The one error among the replies."""
        (error,) = (reply for reply in self.peer.send(*requests) if type(reply).__name__ == "OFPErrorMsg")
        return self.code(error)


@pytest.fixture(params=[4, 5], ids=["1.3", "1.4"])
def script(request: pytest.FixtureRequest) -> Script:
    return Script(request.param, AgentConfig(versions=(4, 5), bundles=3, bundle_limit=1000))


def kinds(replies: list[Any]) -> list[int]:
    return [reply.type for reply in replies]


def test_nothing_happens_before_the_commit_and_then_all(script: Script) -> None:
    opening = (script.control(OPEN), script.add(script.flow(1)), script.add(script.group()), script.add(script.port()))
    assert kinds(script.peer.send(*opening, script.control(CLOSE))) == [OPEN + 1, CLOSE + 1]
    datapath = script.datapath
    assert (datapath.flows, datapath.groups, datapath.known[1].config) == ({}, [], 0)
    *told, answer = script.peer.send(script.control(COMMIT))
    assert (answer.type, answer.bundle_id, answer.flags) == (COMMIT + 1, 1, BOTH)
    assert [type(each).__name__ for each in told] == ["OFPPortStatus"]
    assert (len(datapath.flows), len(datapath.groups), datapath.known[1].config) == (1, 1, ofp.OFPPC_NO_FWD)
    assert script.refused(script.control(COMMIT)) == ofp.OFPBFC_BAD_ID, "it is used up"


def test_one_message_that_fails_takes_all_back_and_nobody_hears_of_it(script: Script) -> None:
    script.peer.send(script.flow(9, flags=ofp.OFPFF_SEND_FLOW_REM))
    before = dict(script.datapath.flows)
    script.peer.send(
        script.control(OPEN),
        script.add(script.flow(0, command=ofp.OFPFC_DELETE, table_id=255), xid=1),
        script.add(script.port(), xid=2),
        script.add(script.group(), xid=3),
        script.add(script.flow(1), xid=4),
        script.add(script.flow(2, table_id=254), xid=5),
        script.add(script.flow(3), xid=6),
    )
    first, second = script.peer.send(script.control(COMMIT))
    assert (first.xid, first.type, first.code) == (5, ofp.OFPET_FLOW_MOD_FAILED, ofp.OFPFMFC_BAD_TABLE_ID)
    assert (second.xid, script.code(second)) == (77, ofp.OFPBFC_MSG_FAILED)
    datapath = script.datapath
    assert (datapath.flows, datapath.groups, datapath.known[1].config) == (before, [], 0)
    assert script.agent.switch.ports[1].config == 0


def test_a_request_other_than_a_flow_mod_may_fail_too(script: Script) -> None:
    script.peer.send(script.add(script.flow(1), xid=1), script.add(script.group(command=9), xid=2))
    first, second = script.peer.send(script.control(COMMIT))
    assert (first.xid, first.type, first.code) == (2, ofp.OFPET_GROUP_MOD_FAILED, ofp.OFPGMFC_BAD_COMMAND)
    assert script.code(second) == ofp.OFPBFC_MSG_FAILED
    assert script.datapath.flows == {}


def test_what_a_commit_removes_is_told_after_it(script: Script) -> None:
    script.peer.send(script.flow(1, flags=ofp.OFPFF_SEND_FLOW_REM, cookie=4))
    script.peer.send(script.add(script.flow(0, command=ofp.OFPFC_DELETE, table_id=255)), script.add(script.flow(2)))
    removed, answer = script.peer.send(script.control(COMMIT))
    assert (removed.cookie, removed.reason, answer.type) == (4, ofp.OFPRR_DELETE, COMMIT + 1)


def test_discarded_is_forgotten(script: Script) -> None:
    script.peer.send(script.add(script.flow(1)))
    assert kinds(script.peer.send(script.control(DISCARD))) == [DISCARD + 1]
    assert script.refused(script.control(DISCARD)) == ofp.OFPBFC_BAD_ID
    assert script.datapath.flows == {}


def test_a_bundle_is_the_connections_own(script: Script) -> None:
    other = Peer(script.agent, wire.hello((script.version,)))
    script.peer.send(script.control(OPEN))
    assert kinds(other.send(script.control(OPEN))) == [OPEN + 1]


Step = Callable[[Script], Any]


def open_1(script: Script) -> Any:
    return script.control(OPEN, 1)


def open_2(script: Script) -> Any:
    return script.control(OPEN, 2)


def open_3(script: Script) -> Any:
    return script.control(OPEN, 3)


def close(script: Script) -> Any:
    return script.control(CLOSE)


@pytest.mark.parametrize(
    ("before", "request_", "code"),
    [
        ([open_1], lambda s: s.control(OPEN), ofp.OFPBFC_BUNDLE_EXIST),
        ([], lambda s: s.control(OPEN, flags=4), ofp.OFPBFC_BAD_FLAGS),
        ([open_1, open_2, open_3], lambda s: s.control(OPEN, 4), ofp.OFPBFC_OUT_OF_BUNDLES),
        ([], lambda s: s.control(CLOSE), ofp.OFPBFC_BAD_ID),
        ([open_1], lambda s: s.control(CLOSE, flags=1), ofp.OFPBFC_BAD_FLAGS),
        ([open_1, close], lambda s: s.control(CLOSE), ofp.OFPBFC_BUNDLE_CLOSED),
        ([open_1], lambda s: s.control(COMMIT, flags=0), ofp.OFPBFC_BAD_FLAGS),
        ([], lambda s: s.control(OPEN + 1), ofp.OFPBFC_BAD_TYPE),
        ([], lambda s: s.control(9), ofp.OFPBFC_BAD_TYPE),
        ([open_1], lambda s: s.add(s.flow(1), flags=0), ofp.OFPBFC_BAD_FLAGS),
        ([open_1, close], lambda s: s.add(s.flow(1)), ofp.OFPBFC_BUNDLE_CLOSED),
        ([], lambda s: s.add(s.parser.OFPBarrierRequest(s.desc)), ofp.OFPBFC_MSG_UNSUP),
        ([], lambda s: changed_xid(s.add(s.flow(1))), ofp.OFPBFC_MSG_BAD_XID),
        ([], lambda s: s.add(s.flow(1))[:2] + b"\0\x38" + s.add(s.flow(1))[4:56], ofp.OFPBFC_MSG_BAD_LEN),
        ([lambda s: s.add(s.flow(1))] * 17, lambda s: s.add(s.flow(1)), ofp.OFPBFC_MSG_TOO_MANY),
    ],
)
def test_errors_of_the_specification(script: Script, before: list[Step], request_: Step, code: int) -> None:
    script.peer.send(*(step(script) for step in before))
    assert script.refused(request_(script)) == code


def changed_xid(data: bytes) -> bytes:
    """The outer message with another transaction than the inner."""
    return data[:4] + b"\0\0\0\x01" + data[8:]


def test_a_message_of_another_version_inside(script: Script) -> None:
    data = bytearray(script.add(script.flow(1)))
    data[24 if script.version == 4 else 16] = 1
    assert script.peer.error(bytes(data)) == (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_VERSION)


def test_a_slave_has_no_bundles(script: Script) -> None:
    script.peer.send(script.parser.OFPRoleRequest(script.desc, ofp.OFPCR_ROLE_SLAVE, 1))
    assert script.peer.error(script.control(OPEN)) == (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_IS_SLAVE)
    assert script.peer.error(script.add(script.flow(1))) == (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_IS_SLAVE)


def test_a_bundle_that_nobody_touches_ends_and_its_opener_hears_so(script: Script) -> None:
    script.peer.send(build(script.control(OPEN), xid=9))
    script.peer.now = 8 * SECOND
    script.peer.send(script.add(script.flow(1)), raw(ofp.OFPT_ECHO_REPLY, version=script.version))
    script.agent.tick(17 * SECOND)
    assert [reply.xid for reply in script.peer.replies() if type(reply).__name__ == "OFPErrorMsg"] == []
    script.agent.tick(18 * SECOND)
    (error,) = (reply for reply in script.peer.replies() if type(reply).__name__ == "OFPErrorMsg")
    assert (error.xid, script.code(error)) == (9, ofp.OFPBFC_TIMEOUT)
    assert script.refused(script.control(COMMIT)) == ofp.OFPBFC_BAD_ID


def test_packets_in_buffers_go_out_after_the_commit(script: Script) -> None:
    buffer_id = 4711
    script.peer.send(script.add(script.flow(1, buffer_id=buffer_id), xid=8))
    *rest, answer = script.peer.send(script.control(COMMIT))
    assert [(each.xid, each.code) for each in rest] == [(8, ofp.OFPBRC_BUFFER_UNKNOWN)]
    assert (answer.type, len(script.datapath.flows)) == (COMMIT + 1, 1)


def test_packets_are_sent_by_the_commit_and_in_order(script: Script) -> None:
    first, second = FRAME, FRAME[::-1]
    script.peer.send(
        script.add(script.packet(data=first)), script.add(script.flow(1)), script.add(script.packet(data=second))
    )
    assert script.datapath.sent == []
    assert kinds(script.peer.send(script.control(COMMIT))) == [COMMIT + 1]
    assert [data for _, _, data in script.datapath.sent] == [first, second]
    assert len(script.datapath.flows) == 1


def test_no_packet_of_a_bundle_that_fails_is_sent(script: Script) -> None:
    script.peer.send(
        script.add(script.packet(), xid=1),
        script.add(script.flow(1), xid=2),
        script.add(script.flow(2, table_id=254), xid=3),
    )
    first, second = script.peer.send(script.control(COMMIT))
    assert (first.xid, first.code) == (3, ofp.OFPFMFC_BAD_TABLE_ID)
    assert script.code(second) == ofp.OFPBFC_MSG_FAILED
    assert (script.datapath.sent, script.datapath.flows) == ([], {})


def test_a_packet_that_cannot_be_sent_takes_all_back(script: Script) -> None:
    script.peer.send(script.add(script.flow(1), xid=1), script.add(script.packet(in_port=9), xid=2))
    first, second = script.peer.send(script.control(COMMIT))
    assert (first.xid, first.type, first.code) == (2, ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_PORT)
    assert script.code(second) == ofp.OFPBFC_MSG_FAILED
    assert (script.datapath.sent, script.datapath.flows) == ([], {})


def test_a_kept_packet_is_sent_once_and_stays_if_the_bundle_fails(script: Script) -> None:
    kept = PacketIn(ofp.OFPR_APPLY_ACTION, 0, 1, 2, 64, packet_match(2, 2, 0, 0, ()), FRAME + bytes(200))
    buffer_id = script.agent.switch.buffers.keep(kept, 0)
    release = script.packet(buffer_id=buffer_id, data=None)
    script.peer.send(script.add(release, xid=1), script.add(release, xid=2))
    first, _ = script.peer.send(script.control(COMMIT))
    assert (first.xid, first.code, script.datapath.sent) == (2, ofp.OFPBRC_BUFFER_EMPTY, [])
    script.peer.send(script.add(release))
    assert kinds(script.peer.send(script.control(COMMIT))) == [COMMIT + 1]
    assert [data for _, _, data in script.datapath.sent] == [kept.data]


def test_tables_are_configured_by_the_commit(script: Script) -> None:
    tables = script.agent.switch.table_config
    script.peer.send(script.add(script.table()))
    assert tables[3] == 0
    assert kinds(script.peer.send(script.control(COMMIT))) == [COMMIT + 1]
    assert tables[3] == ofp.OFPTC_DEPRECATED_MASK


def test_what_a_bundle_that_fails_says_of_tables_is_taken_back() -> None:
    script = Script(5, AgentConfig(versions=(5,)))
    state = script.agent.switch
    evict = parser.OFPTableModPropEviction(ofp.OFPTMPT_EVICTION, flags=ofp.OFPTMPEF_IMPORTANCE)
    watch = parser.OFPTableModPropVacancy(ofp.OFPTMPT_VACANCY, vacancy_down=10, vacancy_up=20, vacancy=0)
    both = ofp.OFPTC_EVICTION | ofp.OFPTC_VACANCY_EVENTS
    script.peer.send(parser.OFPTableMod(DESC, 1, ofp.OFPTC_VACANCY_EVENTS, [watch]))
    before = state.remember()
    again = parser.OFPTableModPropVacancy(ofp.OFPTMPT_VACANCY, vacancy_down=30, vacancy_up=40, vacancy=0)
    script.peer.send(
        script.add(parser.OFPTableMod(DESC, 1, both, [evict, again]), xid=1), script.add(script.table(both << 4), xid=2)
    )
    first, _ = script.peer.send(script.control(COMMIT))
    assert (first.xid, first.type, first.code) == (2, ofp.OFPET_TABLE_MOD_FAILED, ofp.OFPTMFC_BAD_CONFIG)
    assert (state.remember(), script.datapath.eviction) == (before, {1: None})
