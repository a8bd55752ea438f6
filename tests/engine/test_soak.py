"""A soak's rhythm, and the bounds of what it leaves behind."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from spark_tui.engine.canary import soak as soaks
from spark_tui.engine.canary.figures import Figures
from spark_tui.engine.canary.soak import ROW_CHECKS, Round, Soak, Soaked, shown
from spark_tui.link.messages import CanaryCheck, CanaryFigures, Measured
from spark_tui.store.evidence import MAX_BYTES, Bundle, EvidenceKey, check, hashed_exchange, sha256
from spark_tui.store.evidence_journal import Journal, read
from spark_tui.wire.clock import ManualClock

DAY_S = 86_400.0


Keep = Callable[[str, dict[str, object]], Awaitable[str]]


async def soaked(
    duration_s: float,
    *,
    takes: Callable[[int], float] = lambda number: 0.0,
    red: frozenset[int] = frozenset(),
    ends_at_red: bool = False,
    why: str = "SLOW: order/test took 2 s",
    asked: str = "",
    stopped: bool = False,
    keep: Keep | None = None,
) -> tuple[Soaked, list[float]]:
    """The result, and when each check began."""
    clock, stop, began = ManualClock(), asyncio.Event(), list[float]()
    start_ns = clock.mono_ns()

    async def look(number: int) -> Round:
        began.append((clock.mono_ns() - start_ns) / 1e9)
        await clock.sleep(takes(number))
        exchange = hashed_exchange("GET /depth", "symbol=BTCUSDT", asked, status=200, at_ms=0, took_us=1)
        return Round(
            reasons=(why,) if number in red else (),
            latencies_s=(0.002,),
            facts={"seen": {"exchanges": {"exchanges": [exchange]}}},
            exchanges=[exchange],
        )

    async def forget(name: str, body: dict[str, object]) -> str:
        return ""

    if stopped:
        stop.set()
    soak = Soak(clock, stop, lambda check: None, keep or forget)
    running = asyncio.ensure_future(soak.run(duration_s, look, ends_at_red=ends_at_red))
    while not running.done():
        await asyncio.sleep(0)
        if left := clock.sleeping():
            clock.advance(left[0])
    return await running, began


@pytest.mark.parametrize(
    ("duration_s", "at"),
    [(0.5, [0, 0.5]), (10, [0, 10]), (60, [0, 10, 20, 30, 40, 50, 60]), (25, [0, 10, 20, 25])],
)
async def test_a_check_at_once_every_ten_seconds_and_at_the_end(duration_s: float, at: list[float]) -> None:
    found, began = await soaked(duration_s)
    assert began == at
    assert [check.name for check in found.checks] == [f"{n} of {len(at)}" for n in range(1, len(at) + 1)]


async def test_a_check_that_takes_long_moves_no_other() -> None:
    _, began = await soaked(60, takes=lambda number: 4.0 if number < 3 else 25.0 if number == 3 else 0.0)
    assert began == [0, 10, 20, 45, 50, 60]  # that of 30 is not caught up with, that of 40 is late


async def test_a_stop_is_heard_before_the_second_check() -> None:
    found, began = await soaked(60, stopped=True)
    assert began == [0]
    assert soaks.reasons_of(found.checks) == ("STOPPED: check 2 of 7: stopped before it",)


async def test_the_first_red_check_ends_a_soak_that_places_orders() -> None:
    found, began = await soaked(60, red=frozenset({3}), ends_at_red=True)
    assert began == [0, 10, 20]
    assert soaks.reasons_of(found.checks) == ("SLOW: check 3 of 7: order/test took 2 s",)


async def test_the_evidence_of_a_whole_day_is_still_a_bundle(tmp_path: Path) -> None:
    """Every check red, in words that never end, and answers as long as a book's: none may cost the others
    their proof."""
    bundle = Bundle()
    key = EvidenceKey.open(tmp_path)

    async def keep(name: str, body: dict[str, object]) -> str:
        bundle.add(name, body)
        return ""

    every = frozenset(range(10_000))
    await soaked(DAY_S, red=every, why="SLOW: " + "ş" * 5_000, asked="x" * 15_000, keep=keep)
    sealed = bundle.seal(key)
    assert len(sealed) < MAX_BYTES * 7 / 8
    found = check(sealed)
    assert found.ok, found.problems
    assert len(found.sections) == 8_641
    assert "seen" in found.sections["check 1"]
    last = found.sections["check 8641"]
    assert (last["codes"], last["hashes"][0]["answer_sha256"]) == (["SLOW"], sha256("x" * 15_000))
    journal = Journal(tmp_path, "canary-c1", key)
    journal.append(bundle.sections)  # what a kill would leave is bounded, too
    assert len(read(journal.path, key).sections) == 8_641


async def test_evidence_that_cannot_be_written_is_told_once_and_ends_a_soak_that_places_orders() -> None:
    async def keep(name: str, body: dict[str, object]) -> str:
        return "" if name == "check 1" else "no space left."

    dry, _ = await soaked(60, keep=keep)
    assert soaks.reasons_of(dry.checks) == ("EVIDENCE: check evidence of 2 of 7: no space left.",)
    assert len(dry.checks) == 8
    _, began = await soaked(60, keep=keep, ends_at_red=True)
    assert began == [0, 10]


def test_a_row_shows_the_first_red_checks_and_the_latest() -> None:
    checks = tuple(CanaryCheck(name=str(n), ok=n % 10 > 0, text="") for n in range(1_000))
    kept = shown(checks)
    assert len(kept) == ROW_CHECKS
    assert kept[0].name == "0"
    assert kept[-2].name == "999"
    assert kept[-1] == CanaryCheck(
        name="others", ok=False, code="NOT_GREEN", text="901 more checks, 46 not green: see the evidence"
    )
    assert shown(checks[:ROW_CHECKS]) == checks[:ROW_CHECKS]


def figures(*checks: tuple[bool, Measured | None]) -> CanaryFigures:
    kept = Figures()
    for ok, measured in checks:
        kept.add(CanaryCheck(name="", ok=ok, text="", measured=measured))
    return kept.told()


def test_the_figures_are_the_worst_of_what_was_measured() -> None:
    assert figures(
        (True, Measured(feed_age_s=0.5, test_latency_s=0.006, clock_offset_ms=12)),
        (False, Measured(feed_age_s=3.0, clock_offset_ms=-900)),
        (True, Measured(test_latency_s=0.009)),
        (False, None),
    ) == CanaryFigures(
        checks=4,
        healthy=2,
        feed_age_worst_s=3.0,
        test_latency_worst_s=0.009,
        clock_offset_worst_ms=-900,
    )


def test_what_was_never_measured_is_no_zero() -> None:
    assert figures((False, None)) == CanaryFigures(checks=1)


@pytest.mark.parametrize(
    ("orders", "told"),
    [(1, (1, 1, 1, 1)), (2, (1, 1, 2, 2)), (20, (1, 10, 19, 20)), (100, (1, 50, 95, 100))],
)
def test_the_latencies_of_real_orders_are_ones_that_were_measured(
    orders: int, told: tuple[float, ...]
) -> None:
    backwards = [(True, Measured(order_latency_s=float(n))) for n in range(orders, 0, -1)]
    found = figures(*backwards)
    assert found.orders == orders
    assert told == (
        found.order_latency_min_s,
        found.order_latency_median_s,
        found.order_latency_p95_s,
        found.order_latency_worst_s,
    )
