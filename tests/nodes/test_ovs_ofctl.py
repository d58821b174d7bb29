"""Open vSwitch's own client programs the real dataplane: flows compared and replaced, groups of all kinds, meters."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nodes.plant import Dataplane, plant

FLOWS = """\
priority=10,ip,nw_dst=10.0.0.0/24,actions=output:2
table=1,priority=5,tcp,tp_dst=80,actions=dec_ttl,output:1
priority=7,arp,actions=write_actions(output:2),goto_table:1
"""
GROUPS = (
    "group_id=1,type=all,bucket=output:1,bucket=output:2",
    "group_id=2,type=select,bucket=weight:3,output:1,bucket=weight:1,output:2",
    "group_id=3,type=indirect,bucket=output:1",
    "group_id=4,type=ff,bucket=watch_port:1,output:1,bucket=watch_port:2,output:2",
)


@pytest.fixture(scope="module")
def switch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dataplane]:
    with plant(tmp_path_factory.mktemp("ofctl") / "run", "packet", "tap") as dataplane:
        yield dataplane


def differences(switch: Dataplane, path: Path, version: str = "OpenFlow13") -> list[str]:
    """What `diff-flows` prints; it ends 2 if there is anything."""
    command = ["ovs-ofctl", "-O", version, "diff-flows", f"unix:{switch.listener}", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    lines = done.stdout.splitlines()
    assert done.returncode == (2 if lines else 0), done.stderr
    return lines


def test_flows_are_added_compared_and_replaced(switch: Dataplane, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text(FLOWS)
    second.write_text(FLOWS.replace("output:2", "output:1"))
    switch.ofctl("add-flows", str(first))
    assert differences(switch, first) == []
    assert len(differences(switch, second)) == 4
    switch.ofctl("replace-flows", str(second))
    assert differences(switch, second) == []
    switch.ofctl("mod-flows", "arp,actions=flood")
    assert "priority=7,arp actions=FLOOD" in switch.ofctl("dump-flows")
    switch.ofctl("del-flows", "--strict", "priority=10,ip,nw_dst=10.0.0.0/24")
    assert "flow_count=2" in switch.ofctl("dump-aggregate")
    switch.ofctl("del-flows")
    assert "flow_count=0" in switch.ofctl("dump-aggregate")


def test_groups_of_all_kinds(switch: Dataplane) -> None:
    for group in GROUPS:
        switch.ofctl("add-group", group)
    switch.ofctl("mod-group", "group_id=3,type=indirect,bucket=output:2")
    told = switch.ofctl("dump-groups")
    assert "group_id=1,type=all,bucket=actions=output:1,bucket=actions=output:2" in told
    assert "group_id=3,type=indirect,bucket=actions=output:2" in told
    assert "group_id=4,type=ff,bucket=watch_port:1,actions=output:1,bucket=watch_port:2,actions=output:2" in told
    switch.ofctl("add-flow", "table=2,ip,actions=group:2")
    assert "group_id=2" in switch.ofctl("dump-group-stats")
    switch.ofctl("del-groups", "group_id=2")
    assert "flow_count=0" in switch.ofctl("dump-aggregate"), "the flow that used the group went with it"
    switch.ofctl("del-groups")
    assert "group_id" not in switch.ofctl("dump-groups")


def test_meters(switch: Dataplane) -> None:
    switch.ofctl("add-meter", "meter=1 kbps burst stats bands=type=drop rate=1000 burst_size=100")
    assert "type=drop rate=1000 burst_size=100" in switch.ofctl("dump-meters")
    switch.ofctl("mod-meter", "meter=1 pktps stats bands=type=dscp_remark rate=1000 prec_level=1")
    assert "type=dscp_remark rate=1000 prec_level=1" in switch.ofctl("dump-meters")
    switch.ofctl("add-flow", "table=2,ip,actions=meter:1,output:2")
    assert "flow_count:1" in switch.ofctl("meter-stats")
    switch.ofctl("del-meters")
    assert "flow_count=0" in switch.ofctl("dump-aggregate"), "the flow that used the meter went with it"


def test_the_local_port_is_there_and_down(switch: Dataplane) -> None:
    """Ryu's LACP and IGMP libraries take the switch's own address from it."""
    shown = [line.strip() for line in switch.ofctl("dump-ports-desc").splitlines()]
    local = shown.index("LOCAL(local): addr:00:00:00:00:00:07")
    assert shown[local + 2] == "state:      LINK_DOWN"
    assert "port LOCAL: rx pkts=0" in " ".join(switch.ofctl("dump-ports").split())
    switch.ofctl("packet-out", "in_port=controller,packet=" + "ff" * 14 + "00" * 46 + ",actions=local,all")


FLOWS_1_0 = """\
priority=10,in_port=1,ip,nw_dst=10.0.0.0/24,actions=mod_nw_tos:32,output:2
priority=5,tcp,tp_dst=80,actions=mod_tp_dst:8080,output:1
priority=4,dl_vlan=0xffff,actions=mod_vlan_vid:100,mod_vlan_pcp:3,output:1
priority=4,dl_vlan=7,dl_vlan_pcp=2,actions=strip_vlan,mod_dl_src:02:00:00:00:00:01,flood
priority=3,arp,arp_op=1,arp_tpa=10.0.0.1,actions=enqueue:1:7,CONTROLLER:128
priority=2,icmp,icmp_type=8,actions=mod_nw_src:10.9.9.9,in_port
priority=1,actions=drop
"""


def test_flows_of_1_0(switch: Dataplane, tmp_path: Path) -> None:
    old, first, second = "OpenFlow10", tmp_path / "first", tmp_path / "second"
    first.write_text(FLOWS_1_0)
    second.write_text(FLOWS_1_0.replace("output:2", "output:1"))
    switch.ofctl("add-flows", str(first), version=old)
    assert differences(switch, first, old) == []
    assert len(differences(switch, second, old)) == 2
    switch.ofctl("replace-flows", str(second), version=old)
    assert differences(switch, second, old) == []
    switch.ofctl("mod-flows", "arp,actions=flood", version=old)
    assert "actions=FLOOD" in switch.ofctl("dump-flows", "arp", version=old)
    assert "flow_count=7" in switch.ofctl("dump-aggregate", version=old)
    told = switch.ofctl("dump-flows")
    assert "tcp,tp_dst=80 actions=set_field:8080->tcp_dst,output:1" in told
    assert "actions=push_vlan:0x8100,set_field:4196->vlan_vid,set_field:3->vlan_pcp,output:1" in told
    switch.ofctl("del-flows", version=old)
    assert "flow_count=0" in switch.ofctl("dump-aggregate")


def test_the_switch_and_its_ports_in_1_0(switch: Dataplane) -> None:
    old = "OpenFlow10"
    shown = switch.ofctl("show", version=old)
    assert "n_tables:254, n_buffers:256" in shown
    assert "capabilities: FLOW_STATS TABLE_STATS PORT_STATS QUEUE_STATS ARP_MATCH_IP" in shown
    assert "actions: output enqueue set_vlan_vid" in shown
    assert "LOCAL(local)" in shown
    assert "Manufacturer: Triplane" in switch.ofctl("dump-desc", version=old)
    assert "active=0" in switch.ofctl("dump-tables", version=old)
    assert "port LOCAL: rx pkts=0" in " ".join(switch.ofctl("dump-ports", version=old).split())
    switch.ofctl("mod-port", "1", "no-flood", version=old)
    assert "NO_FLOOD" in switch.ofctl("show", version=old)
    switch.ofctl("mod-port", "1", "flood", version=old)
    assert "0 queues" in switch.ofctl("queue-stats", version=old)
    frame = "ff" * 14 + "00" * 46
    switch.ofctl("packet-out", f"in_port=none,packet={frame},actions=mod_vlan_vid:5,all", version=old)


NICIRA_FLOWS = """\
priority=1,actions=load:7->NXM_NX_REG0[],move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],resubmit(,1)
priority=2,reg0=7,reg1=0x80000000/0x80000000,actions=output:NXM_NX_REG1[0..15],exit
priority=3,ip,actions=load:0x5->NXM_NX_REG3[0..3],dec_ttl(1,2),note:aa.bb.cc.00.00.00,resubmit:2
priority=4,tcp,tcp_flags=+syn-ack,actions=fin_timeout(idle_timeout=3,hard_timeout=5),output(port=2,max_len=64)
priority=5,ip,nw_ttl=9,ip_frag=no,actions=controller(max_len=128,id=3,reason=no_match),set_field:0x9->tun_id
priority=6,xreg1=0x500000006,actions=push:NXM_NX_REG2[],pop:NXM_NX_REG5[]
priority=7,pkt_mark=1,actions=multipath(symmetric_l4,1024,hrw,4,0,NXM_NX_REG4[0..3])
priority=8,in_port=1,actions=bundle(eth_src,0,hrw,ofport,slaves:1,2),clone(load:9->NXM_NX_REG6[],output:2),output:1
priority=9,in_port=2,actions=bundle_load(eth_src,50,active_backup,ofport,NXM_NX_REG0[],slaves:1,2)
priority=10,ip,nw_src=10.0.0.1,actions=conjunction(7,1/2)
priority=10,ip,nw_dst=10.0.0.2,actions=conjunction(7,2/2),conjunction(8,1/3)
priority=10,conj_id=7,actions=output:2
table=1,priority=1,actions=learn(table=2,idle_timeout=9,hard_timeout=10,priority=5,cookie=0x77,fin_idle_timeout=2,\
NXM_OF_VLAN_TCI[0..11],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],eth_type=0x800,load:0x55->NXM_NX_REG3[0..7],\
load:NXM_OF_IN_PORT[]->NXM_NX_REG1[0..15],output:NXM_OF_IN_PORT[]),resubmit(3,2)
table=1,priority=2,mpls,actions=load:3->OXM_OF_MPLS_LABEL[],learn(limit=5,table=3,NXM_OF_ETH_DST[]),output:2
table=2,priority=1,xxreg0=0x1/0xff,tun_id=5,actions=write_actions(set_field:0x7->tun_id,output:1),goto_table:3
"""
UNDOABLE = {
    "priority=1,ip,actions=ct(commit)": "OFPBAC_BAD_VENDOR_TYPE",
    "priority=1,ct_mark=5,actions=drop": "OFPBMC_BAD_FIELD",
    "priority=1,tun_src=10.0.0.1,actions=drop": "OFPBMC_BAD_FIELD",
    "priority=1,actions=load:1->NXM_NX_TUN_IPV4_SRC[]": "OFPBMC_BAD_FIELD",
    "priority=1,actions=sample(probability=1,collector_set_id=1)": "OFPBAC_BAD_VENDOR_TYPE",
    "priority=1,actions=controller(meter_id=1)": "OFPBPC_BAD_TYPE",
    "priority=1,actions=write_actions(set_field:1->reg0)": "OFPBAC_UNSUPPORTED_ORDER",
}


@pytest.mark.parametrize("version", ["OpenFlow13", "OpenFlow14"])
def test_niciras_flows(switch: Dataplane, tmp_path: Path, version: str) -> None:
    flows = tmp_path / "flows"
    flows.write_text("\n".join(NICIRA_FLOWS.replace("\\\n", "").splitlines()) + "\n")
    switch.ofctl("add-flows", str(flows), version=version)
    assert differences(switch, flows, version) == []
    switch.ofctl("replace-flows", str(flows), version=version)
    assert differences(switch, flows, version) == []
    switch.ofctl("del-flows", "reg0=7", version=version)
    assert "reg0=0x7" not in switch.ofctl("dump-flows", version=version)
    switch.ofctl("del-flows", version=version)


@pytest.mark.parametrize("version", ["OpenFlow10", "OpenFlow13"])
def test_what_was_learnt_goes_with_its_learn_action(switch: Dataplane, version: str) -> None:
    learn = "learn(table=9,cookie=0x55,send_flow_rem,delete_learned,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[])"
    switch.ofctl("add-flow", f"arp,actions={learn},output:1", version=version)
    switch.ofctl("add-flow", f"ip,actions={learn}", version=version)
    told = switch.ofctl("dump-flows", version=version)
    assert "learn(table=9,send_flow_rem,delete_learned,cookie=0x55,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[])" in told
    switch.ofctl("add-flow", "table=9,cookie=0x55,actions=output:1")
    switch.ofctl("add-flow", "table=9,priority=1,cookie=0x56,actions=output:1")
    switch.ofctl("del-flows", "arp", version=version)
    assert "flow_count=2" in switch.ofctl("dump-aggregate", "table=9")
    switch.ofctl("mod-flows", "ip,actions=output:1", version=version)
    assert "flow_count=1" in switch.ofctl("dump-aggregate", "table=9")
    switch.ofctl("del-flows")


@pytest.mark.parametrize(("flow", "error"), UNDOABLE.items())
def test_what_is_not_there_is_refused(switch: Dataplane, flow: str, error: str) -> None:
    with pytest.raises(AssertionError, match=error):
        switch.ofctl("add-flow", flow)


def test_flows_of_1_0_with_nicira_s_fields_and_tables(switch: Dataplane) -> None:
    old = {"version": "OpenFlow10"}
    nxm = ("-F", "NXM+table_id")
    flow = "table=3,priority=9,cookie=5,ip,reg0=5,actions=load:0x7->NXM_NX_REG1[],resubmit(,4)"
    switch.ofctl("add-flow", *nxm, flow, **old)
    told = switch.ofctl("dump-flows", "table=3", **old)
    assert "cookie=0x5" in told
    assert "priority=9,ip,reg0=0x5 actions=load:0x7->NXM_NX_REG1[],resubmit(,4)" in told
    assert "table=3" in switch.ofctl("dump-flows")
    switch.ofctl("mod-flows", *nxm, "table=3,ip,cookie=6,actions=output:2", **old)
    assert "cookie=0x6" in switch.ofctl("dump-flows", "table=3", **old)
    switch.ofctl("del-flows", *nxm, "cookie=0x6/-1", **old)
    assert "flow_count=0" in switch.ofctl("dump-aggregate", **old)
