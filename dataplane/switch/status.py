"""What the agent tells people of its controllers: plain data for `triplane show controllers`."""

from __future__ import annotations

from collections import Counter
from typing import Any

from triplane.dataplane.openflow import ofproto_v1_4 as ofp
from triplane.dataplane.switch.agent import Agent
from triplane.dataplane.switch.connection import Connection

ROLES = {ofp.OFPCR_ROLE_EQUAL: "equal", ofp.OFPCR_ROLE_MASTER: "master", ofp.OFPCR_ROLE_SLAVE: "slave"}
PACKET_IN_REASONS = {
    ofp.OFPR_TABLE_MISS: "no_match",
    ofp.OFPR_APPLY_ACTION: "action",
    ofp.OFPR_INVALID_TTL: "invalid_ttl",
    ofp.OFPR_ACTION_SET: "action_set",
    ofp.OFPR_GROUP: "group",
    ofp.OFPR_PACKET_OUT: "packet_out",
}
EVENTS = {ofp.OFPT_FLOW_REMOVED: "flow_removed", ofp.OFPT_PORT_STATUS: "port_status"}


def named(counts: Counter[int], names: dict[int, str]) -> dict[str, int]:
    """Every name with its count, a zero too."""
    return {name: counts[number] for number, name in names.items()}


def connection_status(conn: Connection) -> dict[str, Any]:
    sent = conn.outbox.sent
    return {
        "name": conn.name,
        "established": conn.established,
        "version": conn.version.name if conn.established else None,
        "role": ROLES[conn.role],
        "requests": conn.requests,
        "errors": conn.errors,
        "messages_sent": sent.messages,
        "bytes_sent": sent.bytes,
        "bytes_waiting": conn.outbox.reply_bytes + conn.outbox.packet_in_bytes,
        "packet_ins": named(sent.packet_ins, PACKET_IN_REASONS),
        "packet_ins_dropped": named(sent.packet_ins_dropped, PACKET_IN_REASONS),
        "events_dropped": named(sent.events_dropped, EVENTS),
    }


def agent_status(agent: Agent) -> dict[str, Any]:
    """`packet_ins_unwanted`: packets for the controller that none was there to take."""
    return {
        "dpid": f"{agent.switch.identity.dpid:016x}",
        "standalone": agent.standalone,
        "packet_ins_unwanted": named(agent.switch.unwanted, PACKET_IN_REASONS),
        "controllers": [connection_status(conn) for conn in agent.switch.connections],
    }
