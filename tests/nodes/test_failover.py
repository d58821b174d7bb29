"""Controllers that die, compete or fall silent, while hosts talk: the forwarder forwards on, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.controller.process import Controller as Process
from tests.nodes.control_network import SWITCH_END, address, control_network, controller, partition, within
from tests.nodes.plant import DATAPATH, Controller, Dataplane, plant, until
from tests.nodes.stream import lossless
from tests.tap.rig import HOST_A, HOST_B, IP_B, ping, raw_socket, receive_raw
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow import ofproto_v1_3_parser as parser

HERE = Path(__file__).parent
LEARNING = "triplane.controller.apps.learning_switch"
FLOW_LOG, STANDBY = str(HERE / "apps" / "flow_log.py"), str(HERE / "apps" / "standby.py")
LEARNED = 2  # flows of two hosts that talk
ACROSS = ((1, 2), (2, 1))
IP_AND_ARP = [f"{kind},in_port={one},actions=output:{other}" for kind in ("ip", "arp") for one, other in ACROSS]
IP_AND_ARP += ["ipv6,actions=drop"]  # what hosts say by themselves
REFUSED_AS_SLAVE = f"refused type {ofp.OFPET_BAD_REQUEST} code {ofp.OFPBRC_IS_SLAVE}"
REFUSED_AS_STALE = f"refused type {ofp.OFPET_ROLE_REQUEST_FAILED} code {ofp.OFPRRFC_STALE}"


def flows(dataplane: Dataplane) -> list[str]:
    """All flow entries, without what changes as packets come."""
    return sorted(dataplane.ofctl("dump-flows", "--no-stats").splitlines())


def said(log: Path, words: str) -> None:
    until(lambda: words in log.read_text(), f"{words!r} in {log.name}")


def strange(name: str) -> bytes:
    """A frame that no flow is for, with a name in it."""
    return b"\xff" * 6 + b"\x02\0\0\0\0\x99" + b"\x88\xb5" + name.encode().ljust(60, b"\0")


def send_strange(name: str) -> None:
    with raw_socket(HOST_A, "a") as sender:
        sender.send(strange(name))


def floods(name: str) -> None:
    """A frame of a host that was never heard of crosses: the learning switch is at work."""
    with raw_socket(HOST_B, "b") as receiver:
        send_strange(name)
        assert receive_raw(receiver, name.encode()) == strange(name)


def learning(tmp_path: Path, name: str, number: int = 1) -> Process:
    return controller(number, tmp_path / f"{name}.log", LEARNING, FLOW_LOG)


def talking(dataplane: Dataplane) -> list[str]:
    """Ping, so that the controller sets the flows of both hosts; these flows, and the one for what is unknown."""
    ping(IP_B)
    until(lambda: len(flows(dataplane)) == LEARNED + 1, "the flows of both hosts")
    return flows(dataplane)


def test_a_controller_killed_and_started_again_costs_no_packet_and_no_flow(run_dir: Path, tmp_path: Path) -> None:
    words = ("--controller", address(1))
    with (
        control_network(),
        plant(run_dir, "packet", "tap", *words, prefix=within(SWITCH_END)) as dataplane,
        learning(tmp_path, "first") as first,
    ):
        said(tmp_path / "first.log", "is in service")
        before = talking(dataplane)
        with lossless() as streams:
            streams.go_on()
            first.kill()
            for name in ("second", "third"):
                streams.go_on()
                assert flows(dataplane) == before
                with learning(tmp_path, name) as new:
                    said(tmp_path / f"{name}.log", f"the switch holds {LEARNED + 1} flows")
                    floods(name)
                    streams.go_on()
                    assert flows(dataplane) == before
                    new.kill()
            streams.go_on()


def standby(number: int, tmp_path: Path, name: str, role: str) -> Process:
    env = {"ROLE": role, "PROMOTED": str(tmp_path / "promoted")}
    return controller(number, tmp_path / f"{name}.log", STANDBY, env=env)


def test_a_standby_takes_over_when_the_master_dies(run_dir: Path, tmp_path: Path) -> None:
    words = ("--controller", address(1), "--controller", address(2))
    master_log, slave_log = tmp_path / "master.log", tmp_path / "slave.log"
    with (
        control_network(),
        plant(run_dir, "packet", "packet", *words, prefix=within(SWITCH_END)) as dataplane,
        standby(1, tmp_path, "master", "master") as master,
        standby(2, tmp_path, "slave", "slave"),
    ):
        for flow in IP_AND_ARP:
            dataplane.ofctl("add-flow", flow)
        said(master_log, f"role {ofp.OFPCR_ROLE_MASTER} generation 10")
        said(slave_log, f"role {ofp.OFPCR_ROLE_SLAVE} generation 10")
        said(slave_log, REFUSED_AS_SLAVE)
        until(lambda: len(flows(dataplane)) == len(IP_AND_ARP) + 1, "the master's flow")
        ping(IP_B)
        with lossless() as streams:
            send_strange("one")
            said(master_log, "packet-in one")
            master.kill()
            streams.go_on()
            (tmp_path / "promoted").touch()
            said(slave_log, f"role {ofp.OFPCR_ROLE_MASTER} generation 11")
            send_strange("two")
            said(slave_log, "packet-in two")
            with standby(1, tmp_path, "returned", "master"):
                said(tmp_path / "returned.log", REFUSED_AS_STALE)
                streams.go_on()
        assert "packet-in one" not in slave_log.read_text()


def role(session: Controller, wanted: int, generation: int) -> int:
    session.send(parser.OFPRoleRequest(DATAPATH, wanted, generation))
    return int(session.next(parser.OFPRoleReply).role)


def next_error(session: Controller) -> tuple[int, int]:
    error = session.next(parser.OFPErrorMsg)
    return error.type, error.code


def write_miss(session: Controller) -> None:
    """What no flow is for, to the controllers."""
    output = parser.OFPActionOutput(ofp.OFPP_CONTROLLER, ofp.OFPCML_NO_BUFFER)
    apply = parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, [output])
    session.send(parser.OFPFlowMod(DATAPATH, priority=0, match=parser.OFPMatch(), instructions=[apply]))


def sees(session: Controller, name: str) -> bool:
    """Of the frames that come, the next is this one."""
    return bool(session.next(parser.OFPPacketIn).data == strange(name))


def test_roles_are_kept_while_hosts_talk(run_dir: Path) -> None:
    """Master and equal rule; a slave writes nothing and is sent no packets; an election demotes the master."""
    with (
        plant(run_dir, "packet", "packet") as dataplane,
        Controller.dial(dataplane) as one,
        Controller.dial(dataplane) as two,
        Controller.dial(dataplane) as equal,
    ):
        for flow in IP_AND_ARP:
            dataplane.ofctl("add-flow", flow)
        before = flows(dataplane)
        ping(IP_B)
        with lossless() as streams:
            assert role(one, ofp.OFPCR_ROLE_MASTER, 5) == ofp.OFPCR_ROLE_MASTER
            assert role(two, ofp.OFPCR_ROLE_SLAVE, 5) == ofp.OFPCR_ROLE_SLAVE
            write_miss(two)
            assert next_error(two) == (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_IS_SLAVE)
            assert flows(dataplane) == before
            write_miss(one)
            until(lambda: flows(dataplane) != before, "the master's flow")
            send_strange("first")
            assert sees(one, "first")
            assert sees(equal, "first")

            assert role(two, ofp.OFPCR_ROLE_MASTER, 6) == ofp.OFPCR_ROLE_MASTER
            assert role(one, ofp.OFPCR_ROLE_NOCHANGE, 0) == ofp.OFPCR_ROLE_SLAVE
            one.send(parser.OFPFlowMod(DATAPATH, command=ofp.OFPFC_DELETE, table_id=ofp.OFPTT_ALL))
            assert next_error(one) == (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_IS_SLAVE)
            one.send(parser.OFPRoleRequest(DATAPATH, ofp.OFPCR_ROLE_MASTER, 4))
            assert next_error(one) == (ofp.OFPET_ROLE_REQUEST_FAILED, ofp.OFPRRFC_STALE)
            send_strange("second")
            assert sees(two, "second"), "and not the first, which came while it was a slave"
            assert sees(equal, "second")

            two.socket.close()
            assert role(one, ofp.OFPCR_ROLE_NOCHANGE, 0) == ofp.OFPCR_ROLE_SLAVE, "the switch elects nobody"
            assert role(one, ofp.OFPCR_ROLE_MASTER, 7) == ofp.OFPCR_ROLE_MASTER
            send_strange("third")
            assert sees(one, "third"), "and not the second"
            streams.go_on()


def dropped(dataplane: Dataplane) -> None:
    """Nothing but silence tells that the controller is gone."""
    said(dataplane.log, "disconnected: no answer to an echo request")


@pytest.mark.parametrize("fail_mode", ["secure", "standalone"])
def test_a_partition_costs_no_packet_and_heals(run_dir: Path, tmp_path: Path, fail_mode: str) -> None:
    words = ("--controller", address(1), "--fail-mode", fail_mode)
    log = tmp_path / "controller.log"
    with (
        control_network(),
        plant(run_dir, "packet", "packet", *words, prefix=within(SWITCH_END)) as dataplane,
        learning(tmp_path, "controller"),
    ):
        said(log, "is in service")
        before = talking(dataplane)
        with lossless() as streams:
            with partition(1):
                dropped(dataplane)
                streams.go_on()
                assert flows(dataplane) == before
                if fail_mode == "standalone":
                    floods("nobody tells it what to do")
            until(lambda: log.read_text().count("is in service") == 2, "the switch to be back")
            floods("the controller is back")
            streams.go_on()
            assert flows(dataplane) == before


def test_one_of_two_partitioned_leaves_the_other_in_charge(run_dir: Path, tmp_path: Path) -> None:
    """It is standalone, but one controller governs still: a frame for nobody known goes where that one says."""
    words = ("--controller", address(1), "--controller", address(2), "--fail-mode", "standalone")
    env = {"ROLE": "master", "PROMOTED": str(tmp_path / "never")}
    with (
        control_network(),
        plant(run_dir, "packet", "packet", *words, prefix=within(SWITCH_END)) as dataplane,
        learning(tmp_path, "silent"),
        controller(2, tmp_path / "other.log", STANDBY, env=env),
    ):
        said(tmp_path / "silent.log", "is in service")
        said(tmp_path / "other.log", f"role {ofp.OFPCR_ROLE_MASTER}")
        talking(dataplane)
        with lossless() as streams, partition(1):
            send_strange("before")
            said(tmp_path / "other.log", "packet-in before")
            dropped(dataplane)
            send_strange("after")
            said(tmp_path / "other.log", "packet-in after")
            streams.go_on()
