"""The test files: what they hold, how long they take, and which lane runs them."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

# OpenFlow 1.3.5 section 7.2.3.7 (table 11): the match fields that a switch must have. With OUTPUT and group type ALL
# they are what the specification requires; all else in the suite is optional.
REQUIRED_FIELDS = {
    "IN_PORT",
    "ETH_DST",
    "ETH_SRC",
    "ETH_TYPE",
    "IP_PROTO",
    "IPV4_SRC",
    "IPV4_DST",
    "IPV6_SRC",
    "IPV6_DST",
}
REQUIRED_FIELDS |= {"TCP_SRC", "TCP_DST", "UDP_SRC", "UDP_DST"}
REQUIRED_PREFIXES = {"action": ("OUTPUT",), "group": ("ALL", "INDIRECT")}
SECONDS_PER_TEST = 0.3  # measured, table-miss waits included
HEAVY_RATE = 10_000  # packets per second that keep most of a core busy


@dataclass(frozen=True, slots=True)
class SuiteFile:
    """One JSON file of tests; its description, `category: NN_NAME`, is the name that results carry."""

    path: Path
    description: str
    tests: int
    throughput: int  # how many of them send for `--duration` seconds
    rate: int = 0  # the most packets per second that one sends

    @property
    def category(self) -> str:
        kind, name = self.description.split(": ", 1)
        return "set_field" if name.startswith("set_field") else kind

    @property
    def required(self) -> bool:
        name = re.sub(r"^\d+_", "", self.description.split(": ", 1)[1])
        if self.category == "match":
            return re.sub(r"([ _]*\(?(Mask|IPv4|IPv6)\)?)+$", "", name) in REQUIRED_FIELDS
        return name.startswith(REQUIRED_PREFIXES.get(self.category, ())) and self.category in REQUIRED_PREFIXES

    @property
    def heavy(self) -> bool:
        return self.rate >= HEAVY_RATE

    def seconds(self, duration: float) -> float:
        """Roughly how long it takes."""
        return self.tests * SECONDS_PER_TEST + self.throughput * (duration + 2)


def suite_folder(version: str) -> Path:
    import os_ken

    folder = Path(os_ken.__file__).parent / "tests" / "switch" / f"of{version}"
    if not folder.is_dir():
        raise SystemExit(f"the installed os-ken has no test suite for OpenFlow version {version!r} (10, 13 or 14)")
    return folder


def read(path: Path) -> SuiteFile:
    entries = json.loads(path.read_text())
    tests = [entry for entry in entries if isinstance(entry, dict)]
    description = next(entry for entry in entries if isinstance(entry, str))
    sent = [step["ingress"]["packets"] for test in tests for step in test["tests"] if isinstance(step["ingress"], dict)]
    return SuiteFile(path, description, len(tests), len(sent), max((one.get("pktps", 0) for one in sent), default=0))


def files(folder: Path, pattern: str = "") -> list[SuiteFile]:
    """All test files below `folder` whose path from there on matches the regular expression.

    A description that several files share (of 1.0's some say IPv4 where they mean IPv6) gets the file's name behind it.
    """
    found = [read(path) for path in sorted(folder.rglob("*.json"))]
    times = Counter(file.description for file in found)
    named = [
        replace(file, description=f"{file.description} {file.path.stem}") if times[file.description] > 1 else file
        for file in found
    ]
    return [file for file in named if re.search(pattern, str(file.path.relative_to(folder)))]


def deal(chosen: list[SuiteFile], lanes: int, duration: float) -> list[list[SuiteFile]]:
    """Share files out so that lanes take about as long: longest first, each to the lane with the least to do.

    The heavy ones are one lane's, so that two never run at once: what they measure must not depend on the machine.
    """
    shares: list[list[SuiteFile]] = [[] for _ in range(min(lanes, len(chosen)))]
    for file in chosen:
        if file.heavy:
            shares[0].append(file)
    for file in sorted(chosen, key=lambda file: file.seconds(duration), reverse=True):
        if not file.heavy:
            min(shares, key=lambda share: sum(other.seconds(duration) for other in share)).append(file)
    return [share for share in shares if share]
