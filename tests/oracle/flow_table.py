"""Flow tables the slow way: a list of entries, every request a walk over all of them (OpenFlow 1.3.5 section 6.4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.oracle.oxm import Match

ADD, MODIFY, MODIFY_STRICT, DELETE, DELETE_STRICT = range(5)
SEND_FLOW_REM, CHECK_OVERLAP, RESET_COUNTS = 1, 2, 4
IDLE_TIMEOUT, HARD_TIMEOUT, REMOVED_BY_DELETE, GROUP_DELETE, METER_DELETE = range(5)  # OFPRR_*
ANY, ALL_TABLES = 0xFFFFFFFF, 255
OVERLAP = 5 << 16 | 3
SECOND = 1_000_000_000


@dataclass(eq=False)
class Flow:
    """An entry; `then` as in tests/dataplane/wire."""

    table: int
    priority: int
    match: Match
    then: dict[str, Any]
    cookie: int = 0
    idle: int = 0
    hard: int = 0
    flags: int = 0
    created: int = 0
    used: int = 0
    packets: int = 0
    octets: int = 0

    @property
    def is_miss(self) -> bool:
        return self.priority == 0 and not self.match

    def actions(self) -> list[tuple[Any, ...]]:
        return flat([*self.then.get("apply", ()), *self.then.get("write", ())])

    @property
    def meters(self) -> set[int]:
        """Of the instruction, and of OpenFlow 1.5's actions."""
        used = {action[1] for action in self.actions() if action[0] == "meter"}
        return used | ({self.then["meter"]} if "meter" in self.then else set())

    @property
    def clauses(self) -> list[tuple[int, int, int]]:
        """Of a conjunctive flow: id, clause, clauses."""
        return [action[1:] for action in self.then.get("apply", ()) if action[0] == "conjunction"]


@dataclass
class Request:
    """A flow-mod, or what a statistics request selects by."""

    command: int = ADD
    table: int = 0
    priority: int = 0
    match: Match = field(default_factory=dict)
    then: dict[str, Any] = field(default_factory=dict)
    cookie: int = 0
    cookie_mask: int = 0
    idle: int = 0
    hard: int = 0
    out_port: int = ANY
    out_group: int = ANY
    flags: int = 0

    def means(self, flow: Flow) -> bool:
        """Whether a modify, delete or statistics request speaks of the flow."""
        if self.table not in (flow.table, ALL_TABLES) or (flow.cookie ^ self.cookie) & self.cookie_mask:
            return False
        if self.command in (MODIFY_STRICT, DELETE_STRICT):
            if flow.priority != self.priority or flow.match != self.match:
                return False
        elif not all(name in flow.match and narrower(flow.match[name], wide) for name, wide in self.match.items()):
            return False
        return self.command in (MODIFY, MODIFY_STRICT) or self.sends(flow)

    def sends(self, flow: Flow) -> bool:
        ports = {action[1] for action in flow.actions() if action[0] == "output"}
        groups = {action[1] for action in flow.actions() if action[0] == "group"}
        return self.out_port in {ANY, *ports} and self.out_group in {ANY, *groups}


def flat(actions: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Also what is done to clones."""
    found = []
    for action in actions:
        found += [action, *flat(action[1])] if action[0] == "clone" else [action]
    return found


def narrower(one: tuple[int, int], wide: tuple[int, int]) -> bool:
    return one[1] & wide[1] == wide[1] and one[0] & wide[1] == wide[0]


def overlap(left: Match, right: Match) -> bool:
    """Whether some packet could match both."""
    shared = left.keys() & right.keys()
    return all((left[name][0] ^ right[name][0]) & left[name][1] & right[name][1] == 0 for name in shared)


class FlowTable:
    """All tables. Requests return an error word or 0; `removed` collects (flow, reason) to be told of."""

    def __init__(self) -> None:
        self.flows: list[Flow] = []
        self.removed: list[tuple[Flow, int]] = []

    def apply(self, request: Request, now: int) -> int:
        if request.command == ADD:
            return self._add(request, now)
        chosen = [flow for flow in self.flows if request.means(flow)]
        for flow in chosen:
            if request.command in (DELETE, DELETE_STRICT):
                self.remove(flow, REMOVED_BY_DELETE)
            else:
                flow.then = request.then
                if request.flags & RESET_COUNTS:
                    flow.packets = flow.octets = 0
        return 0

    def _add(self, request: Request, now: int) -> int:
        same = [flow for flow in self._of(request.table, request.priority) if flow.match == request.match]
        others = [flow for flow in self._of(request.table, request.priority) if flow.match != request.match]
        if request.flags & CHECK_OVERLAP and any(overlap(flow.match, request.match) for flow in others):
            return OVERLAP
        fresh = Flow(request.table, request.priority, request.match, request.then, request.cookie, request.idle,
                     request.hard, request.flags, now, now)  # fmt: skip
        if same and not request.flags & RESET_COUNTS:
            fresh.packets, fresh.octets = same[0].packets, same[0].octets
        self.flows = [flow for flow in self.flows if flow not in same] + [fresh]
        return 0

    def _of(self, table: int, priority: int) -> list[Flow]:
        return [flow for flow in self.flows if flow.table == table and flow.priority == priority]

    def remove(self, flow: Flow, reason: int) -> None:
        self.flows.remove(flow)
        if flow.flags & SEND_FLOW_REM:
            self.removed.append((flow, reason))

    def remove_using(self, uses: Callable[[Flow], bool], reason: int) -> None:
        for flow in [flow for flow in self.flows if uses(flow)]:
            self.remove(flow, reason)

    def expire(self, now: int) -> None:
        for flow in list(self.flows):
            if flow.hard and now - flow.created >= flow.hard * SECOND:
                self.remove(flow, HARD_TIMEOUT)
            elif flow.idle and now - flow.used >= flow.idle * SECOND:
                self.remove(flow, IDLE_TIMEOUT)

    def best(self, table: int, fields: dict[str, int]) -> list[Flow]:
        """The matching flows of the highest priority: more than one is the controller's fault (section 6.4)."""
        matching = [flow for flow in self.flows if flow.table == table and matches(flow.match, fields)]
        while True:
            level = top_of(matching)
            found = [flow for flow in level if not flow.clauses]
            soft = [flow for flow in level if flow.clauses]
            for number in complete(soft):
                hard = [flow for flow in self.flows if flow.table == table and not flow.clauses]
                found += top_of([flow for flow in hard if matches(flow.match, fields | {"conj_id": number})])
            if found or not level:
                return found
            matching = [flow for flow in matching if flow not in level]


def top_of(flows: list[Flow]) -> list[Flow]:
    top = max((flow.priority for flow in flows), default=0)
    return [flow for flow in flows if flow.priority == top]


def complete(flows: list[Flow]) -> list[int]:
    """The conjunctions of which every clause is among these flows."""
    seen: dict[int, set[int]] = {}
    wanted: dict[int, int] = {}
    for number, clause, clauses in (each for flow in flows for each in flow.clauses):
        seen.setdefault(number, set()).add(clause)
        wanted[number] = clauses
    return [number for number in seen if len(seen[number]) == wanted[number]]


def matches(match: Match, fields: dict[str, int]) -> bool:
    """A field that the packet does not have reads as zero, as in Open vSwitch."""
    return all(fields.get(name, 0) & mask == value for name, (value, mask) in match.items())
