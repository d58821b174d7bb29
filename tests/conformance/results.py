"""Counts what passed. Totals come from the suite, so a test that never ran has failed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tests.conformance.suite import SuiteFile


@dataclass(frozen=True, slots=True)
class Result:
    """One test's outcome; `verdict` is `OK` or what went wrong."""

    file: str
    test: str
    verdict: str
    seconds: float
    runs: int = 1

    @property
    def passed(self) -> bool:
        return self.verdict == "OK"


def passed(results: list[Result]) -> int:
    return sum(result.passed for result in results)


def total(chosen: list[SuiteFile]) -> int:
    return sum(file.tests for file in chosen)


def by_category(chosen: list[SuiteFile], results: list[Result]) -> list[tuple[str, str, int, int]]:
    """Rows of category, required or optional, passed, total."""
    good = Counter(result.file for result in results if result.passed)
    tests: Counter[tuple[str, str]] = Counter()
    ok: Counter[tuple[str, str]] = Counter()
    for file in chosen:
        row = (file.category, "required" if file.required else "optional")
        tests[row] += file.tests
        ok[row] += good[file.description]
    return [(*row, ok[row], tests[row]) for row in sorted(tests)]


def failures(chosen: list[SuiteFile], results: list[Result]) -> list[str]:
    """One line for each file that did not pass whole, with the reasons and how often each."""
    lines = []
    for file in sorted(chosen, key=lambda file: file.description):
        own = [result for result in results if result.file == file.description]
        reasons = Counter(result.verdict[:70] for result in own if not result.passed)
        if len(own) < file.tests:
            reasons["did not run"] += file.tests - len(own)
        if reasons:
            told = "; ".join(f"{count}x {reason}" for reason, count in reasons.most_common())
            lines.append(f"FAIL {file.description:<40} {passed(own)}/{file.tests}  {told}")
    return lines


def repeated(results: list[Result]) -> list[str]:
    """One line for each test whose rate was measured more than once."""
    return [f"{result.runs} runs of {result.file} / {result.test[:60]}" for result in results if result.runs > 1]


def report(chosen: list[SuiteFile], results: list[Result], seconds: float) -> str:
    lines = failures(chosen, results) + repeated(results)
    lines.append(f"{'category':<12}{'class':<10}{'passed':>7}/{'total':<6}")
    lines += [
        f"{category:<12}{kind:<10}{ok:>7}/{tests:<6}" for category, kind, ok, tests in by_category(chosen, results)
    ]
    lines.append(f"TOTAL {passed(results)}/{total(chosen)} ({seconds:.0f} s)")
    return "\n".join(lines)
