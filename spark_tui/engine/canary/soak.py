"""A canary every ten seconds for as long as was asked for, and all of it as evidence of bounded size."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec

from spark_tui.link.messages import CanaryCheck, Measured
from spark_tui.store.evidence import canonical
from spark_tui.wire.clock import NS_PER_S, Clock, within

EVERY_S = 10.0
FULL_BYTES = 2 << 20  # of evidence kept word for word; of what comes after, the hashes
TEXT = 200  # characters of a check's text, for there may be thousands; `reasons` have all of it
CHECK = "check "  # how the section of a check is named, with its number
ROW_CHECKS = 100  # in the ledger and on the screen; the bundle has them all


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One check. `facts`: what the evidence keeps of it. `exchanges`: those in `facts`."""

    reasons: tuple[str, ...]
    latencies_s: tuple[float, ...]
    facts: dict[str, object]
    exchanges: list[Any] = []
    measured: Measured | None = None


class Soaked(msgspec.Struct, frozen=True, kw_only=True):
    checks: tuple[CanaryCheck, ...]
    latencies_s: tuple[float, ...]


def due(duration_s: float) -> list[float]:
    """When its checks are to begin: at once, every ten seconds, and at the end."""
    return [*(at * EVERY_S for at in range(int(-(-duration_s // EVERY_S)))), duration_s]


class Soak:
    """`stop` is set by whoever wants it to end after the check it is at. `keep`: one check's part of the
    evidence, by name; says what went wrong with it."""

    def __init__(
        self,
        clock: Clock,
        stop: asyncio.Event,
        told: Callable[[CanaryCheck], None],
        keep: Callable[[str, dict[str, object]], Awaitable[str]],
    ) -> None:
        self._clock = clock
        self._stop = stop
        self._told = told
        self._keep = keep
        self._kept = 0

    async def run(
        self, duration_s: float, look: Callable[[int], Awaitable[Round]], *, ends_at_red: bool
    ) -> Soaked:
        """One that takes longer than until the next is due is not caught up with."""
        times = due(duration_s)
        began_ns = self._clock.mono_ns()
        checks: list[CanaryCheck] = []
        latencies: list[float] = []
        lost = False
        for number, at_s in enumerate(times, 1):
            late_s = (self._clock.mono_ns() - began_ns) / NS_PER_S - at_s
            if late_s >= EVERY_S and number < len(times):
                continue
            if number > 1 and await self._stopped_within(-late_s):
                checks.append(_no(f"{number} of {len(times)}", "STOPPED", "stopped before it"))
                break
            at_ms = self._clock.wall_ns() // 1_000_000
            seen = await look(number)
            latencies += seen.latencies_s
            check = _check(f"{number} of {len(times)}", seen)
            checks.append(check)
            self._told(check)
            facts = {"number": number, "at_ms": at_ms, "check": check, **self._facts(seen)}
            if (trouble := await self._keep(f"{CHECK}{number}", facts)) and not lost:
                lost = True
                checks.append(_no(f"evidence of {check.name}", "EVIDENCE", trouble))
            if ends_at_red and (lost or not check.ok):
                break
        return Soaked(checks=tuple(checks), latencies_s=tuple(latencies))

    def _facts(self, seen: Round) -> dict[str, object]:
        full: dict[str, object] = {"reasons": seen.reasons, **seen.facts}
        size = len(canonical(full))
        if self._kept + size <= FULL_BYTES:
            self._kept += size
            return full
        kept = ("what", "status", "at_ms", "request_sha256", "answer_sha256")
        return {
            "codes": [reason.partition(":")[0] for reason in seen.reasons],
            "hashes": [{name: one[name] for name in kept} for one in seen.exchanges],
        }

    async def _stopped_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await within(self._clock, max(0.0, seconds), self._stop.wait())
        return self._stop.is_set()


def shown(checks: tuple[CanaryCheck, ...]) -> tuple[CanaryCheck, ...]:
    """At most so many: the first that are not green, then the latest."""
    if len(checks) <= ROW_CHECKS:
        return checks
    bad = [check for check in checks if not check.ok][: ROW_CHECKS // 2]
    kept = {check.name for check in (*bad, *checks[len(bad) - ROW_CHECKS + 1 :])}
    left = [check for check in checks if check.name not in kept]
    text = f"{len(left)} more checks, {sum(not check.ok for check in left)} not green: see the evidence"
    ok = all(check.ok for check in left)
    others = CanaryCheck(name="others", ok=True, text=text) if ok else _no("others", "NOT_GREEN", text)
    return (*(check for check in checks if check.name in kept), others)


def reasons_of(checks: Iterable[CanaryCheck]) -> tuple[str, ...]:
    """Each with the number of its check."""
    return tuple(f"{check.code}: check {check.name}: {check.text}" for check in checks if not check.ok)


def _check(name: str, seen: Round) -> CanaryCheck:
    if seen.reasons:
        code, _, text = seen.reasons[0].partition(": ")
        return CanaryCheck(name=name, ok=False, code=code, text=text[:TEXT], measured=seen.measured)
    return CanaryCheck(name=name, ok=True, text="green", measured=seen.measured)


def _no(name: str, code: str, text: str) -> CanaryCheck:
    return CanaryCheck(name=name, ok=False, code=code, text=text)
