"""The OpenFlow switch as a sans-IO state machine: bytes of several controllers in, bytes for each of them out.

The channel calls, from one thread: `connected`, `received` (any cut of the stream), `outgoing` (what to write
next), `resume`, `drained`, `disconnected`; timers call `tick` and `ring`; `poll_packet_ins` follows the data plane's
wake-up, and `port_changed` its ports. After any call, any connection may have something to write or be `closing`.

A request is carried out, whole, before the next is looked at. Flow-mods that stand back to back are one call of
the data plane. A connection whose replies wait (`blocked`) is not heard further until it reads.
"""

from __future__ import annotations

from collections.abc import Callable

from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.v1_5.constants import OFPCSR_CHANNEL_STATUS
from triplane.dataplane.switch import bundles, handlers, monitors, wire
from triplane.dataplane.switch.connection import SHORTEST_RUN, Connection, Request
from triplane.dataplane.switch.datapath import Datapath, FlowModOutcome, PortInfo
from triplane.dataplane.switch.handshake import agree, refuse
from triplane.dataplane.switch.state import AgentConfig, Identity, Switch
from triplane.dataplane.switch.v1_5 import bundles as scheduled
from triplane.dataplane.switch.versions import chosen

WRITE_SIZE = 1 << 18  # bytes that one `outgoing` hands out, about
REQUESTS_PER_TURN = 256  # of one connection, a run of flow-mods counting as one, before the others' turn


class Agent:
    """One switch. `on_controllers(count)` hears of the number of established connections that govern it."""

    def __init__(self, datapath: Datapath, identity: Identity, config: AgentConfig | None = None) -> None:
        self.switch = Switch(datapath, identity, config or AgentConfig())
        self.datapath = datapath
        self.versions = chosen(self.switch.config.versions)
        self.standalone = False
        self.on_controllers: Callable[[int], None] = lambda count: None
        self._follow_fail_mode()

    # the channel's side

    def connected(self, conn: Connection, now: int) -> None:
        conn.heard = now
        self.switch.connections.append(conn)
        conn.version = self.versions[max(self.versions)]
        conn.outbox.reply(wire.hello(self.versions))

    def received(self, conn: Connection, data: bytes, now: int) -> None:
        """Look at bytes of a controller; what cannot be looked at yet stays with the connection."""
        conn.heard, conn.probed = now, 0
        conn.take_in(data)
        self._work(conn, now)

    def outgoing(self, conn: Connection, now: int, limit: int = WRITE_SIZE) -> bytes:
        """The next bytes to write, empty if there are none. Taking them may let requests that waited be heard."""
        data = conn.outbox.take(limit)
        if data:
            self._work(conn, now)
        return data

    def resume(self, conn: Connection, now: int) -> None:
        """Go on with requests that have come already, if the connection is `ready`."""
        if conn.ready:
            self._work(conn, now)

    def drained(self, conn: Connection, now: int) -> None:
        """The channel could not write and now can: the peer reads, so it lives, though it may be slow to answer."""
        conn.heard, conn.probed = now, 0

    def disconnected(self, conn: Connection, now: int) -> None:
        self.switch.connections.remove(conn)
        conn.close("the connection is gone")
        conn.answer = None
        monitors.follow(self.switch)
        if conn.established:
            self.switch.controller_changed(conn, OFPCSR_CHANNEL_STATUS)
        self._follow_fail_mode()

    # the data plane's side

    def tick(self, now: int) -> None:
        """What time brings: flow timeouts, and the end of silent connections. Call it a few times a second."""
        self.switch.flows_changed(self.datapath.expire(now))
        self.switch.triggered(self.datapath.triggered(now))
        self.ring(now)
        for conn in self.switch.connections:
            bundles.expire(conn, now, self.switch.config.bundle_patience)
            self._probe(conn, now)

    def alarm(self, now: int) -> int | None:
        """ns until `ring` has something to do; None: nothing is planned."""
        due = self.switch.alarms
        return max(due[0] - self.switch.config.wall(now), 0) if due else None

    def ring(self, now: int) -> None:
        """Do what was planned for a time that has come."""
        scheduled.run_due(self.switch, now)

    def poll_packet_ins(self, now: int) -> bool:
        """Pass on packets for the controllers; True: more wait."""
        limit = self.switch.config.packet_in_burst
        packets = self.datapath.packet_ins(limit)
        if self.switch.attentive:
            self.switch.flows_changed(())  # some packets may have had flows learnt
        for packet in packets:
            self.switch.packet_in(packet, now)
        return len(packets) == limit

    def port_changed(self, reason: int, info: PortInfo) -> None:
        """A port was added, deleted or modified (OFPPR_*)."""
        self.switch.port_changed(reason, info)

    # inside

    def _work(self, conn: Connection, now: int) -> None:
        """Look at requests until they end, their replies must wait for the controller, or others have their turn."""
        self._produce(conn)
        for _ in range(REQUESTS_PER_TURN):
            conn.unfinished = not conn.blocked and self._next(conn, now)
            if not conn.unfinished:
                return
            self._produce(conn)

    def _next(self, conn: Connection, now: int) -> bool:
        """Carry out the next message, or a run of flow-mods; False if there is none that is complete."""
        data, at = conn.data, conn.at
        if len(data) - at < wire.HEADER_SIZE:
            return False
        version, kind, length, xid = wire.HEADER.unpack_from(data, at)
        if kind == ofp.OFPT_FLOW_MOD and self._may_run(conn, version) and self._flow_mods(conn, length, now):
            return True
        request = Request(conn, kind, xid, data[at : at + max(length, wire.HEADER_SIZE)], now)
        if length < wire.HEADER_SIZE:  # where the next message begins cannot be known
            conn.refuse(request, OpenFlowError(ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_LEN))
            conn.close(f"message of length {length}, shorter than its header")
        elif len(data) - at < length:
            return False
        else:
            conn.at = at + length
            self._carry_out(request)
        return True

    @staticmethod
    def _may_run(conn: Connection, version: int) -> bool:
        ours = version == conn.version.number and conn.version.flow_runs
        return conn.established and ours and conn.role != ofp.OFPCR_ROLE_SLAVE

    def _flow_mods(self, conn: Connection, length: int, now: int) -> bool:
        """Apply the run of flow-mods that begins here, the first of `length` bytes; False if that is not complete.

        The data plane is shown more at a time the longer runs are: a flow-mod and a barrier in turn must not cost
        it a look at all that follows, each time.
        """
        at = conn.at
        shown = max(conn.run_size, length)
        outcome = self.datapath.flow_mods(conn.data, at, min(at + shown, len(conn.data)), now)
        conn.run_size = 2 * shown if outcome.consumed - at > shown // 2 else SHORTEST_RUN
        if outcome.consumed <= at:
            return False
        conn.at = outcome.consumed
        conn.requests += 1
        if outcome.errors or outcome.removed or outcome.buffers or self.switch.attentive:
            self._settle(conn, outcome, now)
        return True

    def _settle(self, conn: Connection, outcome: FlowModOutcome, now: int) -> None:
        """Errors of a run, entries it removed, and the packets its flow-mods release to OFPP_TABLE (7.3.4.1)."""
        for at, kind, code in outcome.errors:
            conn.refuse(self._request_at(conn, at, now), OpenFlowError(kind, code))
        self.switch.flows_changed(outcome.removed, conn, lambda at: wire.HEADER.unpack_from(conn.data, at)[3])
        for at, buffer_id in outcome.buffers:
            self.switch.release_to_table(self._request_at(conn, at, now), buffer_id)

    @staticmethod
    def _request_at(conn: Connection, at: int, now: int) -> Request:
        _, kind, length, xid = wire.HEADER.unpack_from(conn.data, at)
        return Request(conn, kind, xid, conn.data[at : at + length], now)

    def _carry_out(self, request: Request) -> None:
        conn = request.conn
        conn.requests += 1
        try:
            if not conn.established:
                self._greet(request)
                return
            conn.answer, conn.answering = iter(handlers.answer(self.switch, request)), request
        except OpenFlowError as error:
            conn.refuse(request, error)

    def _greet(self, request: Request) -> None:
        """The first message: a hello that we can agree with, or the connection ends (6.3.1)."""
        conn = request.conn
        if request.kind == ofp.OFPT_ERROR:
            conn.close("the controller refused our hello")
            return
        try:
            if request.kind != ofp.OFPT_HELLO:
                raise refuse("expected OFPT_HELLO first")
            conn.agree(agree(self.versions, request.data))
        except OpenFlowError as error:
            conn.close(error.data.decode())
            raise
        self._follow_fail_mode()
        self.switch.controller_changed(conn, OFPCSR_CHANNEL_STATUS)

    def _produce(self, conn: Connection) -> None:
        """Move replies from the answer under way to the outbox while there is room; then what monitors have missed."""
        conn.answer = conn.answer or monitors.catch_up(conn)
        while conn.answer is not None and not conn.outbox.full:
            try:
                message = next(conn.answer, None)
            except OpenFlowError as error:
                message = conn.answering.refusal(error) if conn.answering else None
                conn.answer = iter(())
            if message is None:
                conn.answer = conn.answering = None
                conn.answer = monitors.catch_up(conn)
            else:
                conn.outbox.reply(message)

    def _probe(self, conn: Connection, now: int) -> None:
        """Ask a silent peer for an echo; end the connection if it is still silent as long again."""
        patience = self.switch.config.probe
        if not patience or conn.closing:
            return
        if conn.probed and now - conn.probed >= patience:
            conn.close(f"no answer to an echo request in {patience // wire.SECOND} s", abort=True)
        elif not conn.probed and now - conn.heard >= patience:
            conn.probed = now
            if conn.established:
                conn.outbox.reply(conn.version.wire.message(ofp.OFPT_ECHO_REQUEST, 0))

    def _follow_fail_mode(self) -> None:
        """Standalone: forward as NORMAL while no controller that governs is connected (6.3.2). And what is a miss."""
        count = sum(conn.established and conn.governs for conn in self.switch.connections)
        self.datapath.set_misses(any(conn.established and conn.version.misses for conn in self.switch.connections))
        standalone = self.switch.config.standalone and not count
        if standalone != self.standalone:
            self.standalone = standalone
            self.datapath.set_standalone(standalone)
        self.on_controllers(count)
