"""One lane's controller: os-ken's switch tester, adapted at run time, results as JSON lines on stdout.

os-ken's module stays as it is on disk. What is overridden here, and why:
 - `_wait` and the reply handlers: they lose replies when os-ken runs on native threads; here replies queue up;
 - matches of 1.4: the tester compares them as text, which is the file's own on one side ("10::0") and what was read
   from the wire on the other ("10::"), so that no switch could pass; here both are read from bytes, as in 1.3;
 - the throughput sender: it spawns a thread for each 10 ms; here one loop paces packets that were serialised before,
   never a burst ahead of the tester, which would drop what it does not find the time to receive;
 - the choice of files, the end of the run, and the report.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import sys
import threading
import time
import traceback
from collections import deque
from pathlib import Path
from typing import Any, NoReturn

os.environ.setdefault("OSKEN_HUB_TYPE", "native")

from os_ken import cfg, flags, log  # noqa: F401  they register the options that os-ken's start reads
from os_ken.base import app_manager
from os_ken.controller import controller  # noqa: F401  so does it
from os_ken.lib import hub
from os_ken.lib.packet import arp, ethernet, icmp, icmpv6, ipv4, ipv6, mpls, pbb, sctp, tcp, udp, vlan
from os_ken.ofproto import ofproto_v1_4_parser

# The tester takes into its globals the packet classes of every module that is loaded before it.
LOADED = (arp, ethernet, icmp, icmpv6, ipv4, ipv6, mpls, pbb, sctp, tcp, udp, vlan)

from os_ken.tests.switch import tester  # noqa: E402

RANDOM_FRAMES = 2048  # enough different ones to fill a select group's buckets by their weights
WRONG_RATE = tester.MSG[tester.STATE_THROUGHPUT_CHK][tester.FAILURE].split(":", 1)[0]
NOT_SEEN = tester.MSG[tester.STATE_NO_PKTIN_REASON][tester.FAILURE].split(":", 1)[0]  # in time
AGAIN = (WRONG_RATE, NOT_SEEN)
FRAMES = "frames"  # key of a throughput test's packet-outs, beside the suite's own keys
PACING = 0.001  # seconds between bursts of a throughput test
BURST = 32  # as many as Open vSwitch receives between two looks at its controller
EXIT_OK, EXIT_STALLED = 0, 3


def crc32c_table() -> list[int]:
    table = []
    for value in range(256):
        crc = value
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return table


CRC32C = crc32c_table()


def sctp_checksum(_: Any, data: bytes) -> int:
    """RFC 4960 appendix B. os-ken takes it over a bytearray's text, so that no switch could pass its tests."""
    crc = 0xFFFFFFFF
    for byte in bytes(data):
        crc = (crc >> 8) ^ CRC32C[(crc ^ byte) & 0xFF]
    return int.from_bytes((crc ^ 0xFFFFFFFF).to_bytes(4, "little"), "big")


sctp.sctp._checksum = sctp_checksum

BARRIER_STATES = {
    tester.STATE_INIT_FLOW,
    tester.STATE_INIT_THROUGHPUT_FLOW,
    tester.STATE_INIT_METER,
    tester.STATE_INIT_GROUP,
    tester.STATE_FLOW_INSTALL,
    tester.STATE_THROUGHPUT_FLOW_INSTALL,
    tester.STATE_METER_INSTALL,
    tester.STATE_GROUP_INSTALL,
    tester.STATE_SEND_BARRIER,
}
STATS_REPLIES = [
    tester.ofp_event.EventOFPFlowStatsReply,
    tester.ofp_event.EventOFPMeterConfigStatsReply,
    tester.ofp_event.EventOFPTableStatsReply,
    tester.ofp_event.EventOFPPortStatsReply,
    tester.ofp_event.EventOFPGroupDescStatsReply,
]
ANY_STATE = [
    tester.handler.HANDSHAKE_DISPATCHER,
    tester.handler.CONFIG_DISPATCHER,
    tester.handler.MAIN_DISPATCHER,
]


def finish(status: int) -> NoReturn:
    """os-ken's threads are not daemons and cannot be asked to stop."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


class Runner(tester.OfTester):  # type: ignore[misc]
    """The suite's application; class attributes are set from the command line before os-ken makes the instance."""

    settings: argparse.Namespace
    progress = 0.0  # monotonic time of the last result
    state: int
    rcv_msgs: list[Any]
    send_msg_xids: list[int]

    def __init__(self) -> None:
        self.replies: deque[tuple[str, Any]] = deque()
        self.arrived = threading.Condition()
        self.file = ""
        super().__init__()

    def _set_logger(self) -> None:
        super()._set_logger()
        self.logger.setLevel(logging.INFO)

    # replies

    def queue(self, kind: str, message: Any) -> None:
        with self.arrived:
            self.replies.append((kind, message))
            self.arrived.notify_all()

    @tester.set_ev_cls(STATS_REPLIES, tester.handler.MAIN_DISPATCHER)  # type: ignore[untyped-decorator]
    def stats_reply_handler(self, event: Any) -> None:
        self.queue("stats", event.msg)

    @tester.set_ev_cls(tester.ofp_event.EventOFPBarrierReply, tester.handler.MAIN_DISPATCHER)  # type: ignore[untyped-decorator]
    def barrier_reply_handler(self, event: Any) -> None:
        self.queue("barrier", event.msg)

    @tester.set_ev_cls(tester.ofp_event.EventOFPPacketIn, tester.handler.MAIN_DISPATCHER)  # type: ignore[untyped-decorator]
    def packet_in_handler(self, event: Any) -> None:
        if self.state == tester.STATE_FLOW_MATCH_CHK:
            self.queue("packet-in", event.msg)

    @tester.set_ev_cls(tester.ofp_event.EventOFPErrorMsg, ANY_STATE)  # type: ignore[untyped-decorator]
    def error_msg_handler(self, event: Any) -> None:
        self.queue("error", event.msg)

    def is_awaited(self, kind: str, message: Any) -> bool:
        """Whether the reply answers what the present state asked."""
        if kind == "packet-in":
            return bool(self.state == tester.STATE_FLOW_MATCH_CHK)
        if message.xid not in self.send_msg_xids:
            return False
        if kind == "error":
            raise tester.TestReceiveError(self.state, message)
        return kind == "stats" or self.state in BARRIER_STATES

    def take(self) -> bool:
        """Move awaited replies to `rcv_msgs`; True when the last one is there."""
        while self.replies:
            kind, message = self.replies.popleft()
            if self.is_awaited(kind, message):
                self.rcv_msgs.append(message)
                if kind != "stats" or not message.flags:  # OFPMPF_REPLY_MORE
                    return True
        return False

    def _wait(self) -> None:
        self.rcv_msgs = []
        deadline = time.monotonic() + self.settings.wait
        with self.arrived:
            while not self.take():
                left = deadline - time.monotonic()
                if left <= 0:
                    raise tester.TestTimeout(self.state)
                self.arrived.wait(left)

    def _test(self, state: int, *arguments: Any) -> Any:
        sent = self.send_msg_xids
        if state == tester.STATE_FLOW_MATCH_CHK:  # its packet may be back already: keep the queue, and errors count
            self.state, self.rcv_msgs, self.send_msg_xids = state, [], sent
            return self._test_flow_matching_check(*arguments)
        with self.arrived:
            self.replies.clear()
        return super()._test(state, *arguments)

    # packets

    def _one_time_packet_send(self, packet: Any) -> None:
        time.sleep(self.settings.settle)
        with self.arrived:
            self.replies.clear()
        if tester.KEY_EGRESS in packet or tester.KEY_PKT_IN in packet:
            self.state, self.send_msg_xids = tester.STATE_FLOW_MATCH_CHK, []
        super()._one_time_packet_send(packet)

    def _test_flow_matching_check(self, packet: Any) -> Any:
        try:
            return super()._test_flow_matching_check(packet)
        except tester.TestFailure:
            wanted = packet.get(tester.KEY_EGRESS) or packet[tester.KEY_PKT_IN]
            self.logger.info("        wanted   %s", wanted.hex())
            self.logger.info("        received %s", self.rcv_msgs[0].data.hex())
            raise

    def packet_out(self, data: bytes) -> bytes:
        datapath = tester.DummyDatapath(tester.OfTester.tester_ver)
        parser, protocol = datapath.ofproto_parser, datapath.ofproto
        message = parser.OFPPacketOut(
            datapath=datapath,
            buffer_id=protocol.OFP_NO_BUFFER,
            data=data,
            in_port=protocol.OFPP_CONTROLLER,
            actions=[parser.OFPActionOutput(self.tester_send_port)],
        )
        message.xid = 0x7FFFFFFF
        message.serialize()
        return bytes(message.buf)

    def frames(self, packets: Any) -> list[bytes]:
        """Packet-outs to send in turn: one, or many different ones where the test asks for random fields.

        They are the same ones in each run, so that a select group's shares come out the same.
        """
        if not packets["randomize"]:
            return [self.packet_out(packets["packet_binary"])]
        text = "/".join(packets["packet_text"])
        code = compile(text, "packet", "eval")
        random.seed(text)
        pool = []
        for _ in range(RANDOM_FRAMES):
            packet = eval(code, vars(tester))
            packet.serialize()
            pool.append(self.packet_out(bytes(packet.data)))
        return pool

    def wait_for_tester(self) -> None:
        """Until the tester has done all that was sent to it; raises TestTimeout."""
        xid = self.tester_sw.send_barrier_request()
        with self.arrived:
            done = self.arrived.wait_for(lambda: any(reply.xid == xid for _, reply in self.replies), self.settings.wait)
            self.replies.clear()
        if not done:
            raise tester.TestTimeout(tester.STATE_SEND_BARRIER)

    def _continuous_packet_send(self, packet: Any) -> None:
        packets = packet[tester.KEY_PACKETS]
        rate = packets[tester.KEY_PKTPS]
        duration = self.settings.duration or packets[tester.KEY_DURATION_TIME]
        pool, sent, start = packets[FRAMES], 0, time.monotonic()
        while (elapsed := time.monotonic() - start) < duration:
            due = int(elapsed * rate)
            while sent < due:
                burst = min(due - sent, BURST)
                self.tester_sw.dp.send(b"".join(pool[(sent + i) % len(pool)] for i in range(burst)))
                self.wait_for_tester()
                sent += burst
            time.sleep(PACING)
        self.logger.info("        sent %d packets in %.1f s, %d/s wanted", sent, elapsed, rate)

    # the run

    def _test_file_execute(self, testfile: Any) -> Any:
        self.file = testfile.description
        return super()._test_file_execute(testfile)

    def run_once(self, test: Any, description: str | None) -> str:
        try:
            verdict = str(super()._test_execute(test, description))
        except Exception as error:  # noqa: BLE001  whatever a reply made of os-ken's parser is this test's verdict
            verdict = f"{type(error).__name__}: {error}"
            traceback.print_exc()
        Runner.progress = time.monotonic()
        return verdict

    def _test_execute(self, test: Any, description: str | None) -> str:
        """Run it; again, twice at most, if time is part of its failure: what shares the processors spoils it."""
        start, runs = time.monotonic(), 1
        for step in test.tests:  # before the clock of a throughput test runs
            if tester.KEY_PACKETS in step:
                step[tester.KEY_PACKETS][FRAMES] = self.frames(step[tester.KEY_PACKETS])
        verdict = self.run_once(test, description)
        while verdict in AGAIN and runs <= self.settings.repeats:
            runs += 1
            verdict = self.run_once(test, None)
        seconds = round(time.monotonic() - start, 3)
        row = {"file": self.file, "test": test.description, "verdict": verdict, "seconds": seconds, "runs": runs}
        print(json.dumps(row), flush=True)
        return verdict

    def _test_end(self, msg: str | None = None, report: Any = None) -> None:
        finish(EXIT_OK)


def watch(patience: float) -> None:
    """End the run when no result has come for `patience` seconds: a switch is gone for good."""
    Runner.progress = time.monotonic()
    while time.monotonic() - Runner.progress < patience:
        time.sleep(1)
    print("no progress, giving up", file=sys.stderr)
    finish(EXIT_STALLED)


def choose_files(listed: list[str]) -> None:
    """Lines of path, tab, description: the suite's own descriptions are not all different."""

    def read_listed(patterns: Any, _: str) -> None:
        for line in listed:
            path, _, description = line.partition("\t")
            patterns[description] = tester.TestFile(path, patterns.logger)
            patterns[description].description = description

    tester.TestPatterns._get_tests = read_listed


def read_matches_from_bytes() -> None:
    """Let 1.4's matches from JSON be as 1.3's are: written to the wire once, and read from it."""
    from_json = ofproto_v1_4_parser.OFPMatch.from_jsondict.__func__

    def from_jsondict(cls: Any, dict_: dict[str, Any]) -> Any:
        data = bytearray()
        from_json(cls, dict_).serialize(data, 0)
        return cls.parser(bytes(data), 0)

    ofproto_v1_4_parser.OFPMatch.from_jsondict = classmethod(from_jsondict)


def settings(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.runner", description=__doc__)
    parser.add_argument(
        "--list", type=Path, required=True, help="file of the test files' paths and names, a tab between"
    )
    parser.add_argument("--version", default="13")
    parser.add_argument("--port", type=int, default=6653)
    parser.add_argument("--duration", type=float, default=0, help="seconds of a throughput test; 0: the suite's 30")
    parser.add_argument("--settle", type=float, default=0, help="pause between a flow-mod's barrier and the packet")
    parser.add_argument("--miss-wait", type=float, default=1, help="pause before table-miss counters are read")
    parser.add_argument("--repeats", type=int, default=2, help="of a test that measured a wrong rate or waited")
    parser.add_argument("--wait", type=float, default=3, help="seconds after which a reply is missing")
    return parser.parse_args(argv)


def configure_os_ken(port: int, version: str, folder: str) -> None:
    cfg.CONF([], project="os_ken", version="1")
    cfg.CONF.set_override("ofp_tcp_listen_port", port)
    chosen = {
        "target": "0000000000000001",
        "tester": "0000000000000002",
        "dir": folder,
        "target_version": f"openflow{version}",
        "tester_version": f"openflow{version}",
        "interval": 0,
    }
    for name, value in chosen.items():
        cfg.CONF.set_override(name, value, group="test-switch")


def main() -> None:
    chosen = settings()
    listed = chosen.list.read_text().split("\n")
    Runner.settings = chosen
    tester.INTERVAL = chosen.miss_wait
    read_matches_from_bytes()
    choose_files([path for path in listed if path])
    configure_os_ken(chosen.port, chosen.version, str(chosen.list.parent))
    threading.Thread(target=watch, args=(60 + 3 * (chosen.duration or 30),), daemon=True).start()
    manager = app_manager.AppManager.get_instance()
    manager.load_apps(["os_ken.controller.ofp_handler"])
    manager.applications_cls["OfTester"] = Runner
    hub.joinall(manager.instantiate_apps(**manager.create_contexts()))
    threading.Event().wait()


if __name__ == "__main__":
    main()
