"""Who may confirm what: a pure judgement, with every reason for a refusal."""

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from spark_tui.domain.decimals import plain, rounded, usable
from spark_tui.domain.values import Environment, Side
from spark_tui.link.messages import CanaryCheck, CanaryKind, CanaryRow, CanaryVerdict

FRESH_MS = 10 * 60_000
FOREIGN_SCOPE = "FOREIGN_SCOPE"
CAP_USDT = Decimal(100)


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What a confirm must share with the run it rests on. `quantity` None: whatever the run had."""

    venue: str
    symbol: str
    side: Side
    quantity: Decimal | None
    config_hash: str


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A confirm and what it is judged by. `worth`: the order in USDT now, None where a price is unusable.
    `evidence`: what is wrong with the run's bundle. `used`: the run was confirmed before."""

    scope: Scope
    typed: str
    environment: Environment
    host: str
    run: CanaryRow | None
    now_ms: int
    worth: Decimal | None
    evidence: str
    used: bool


def latest_run(rows: list[CanaryRow], scope: Scope) -> CanaryRow | None:
    """The newest run of this very scope; without one, the newest that comes near, so that a refusal can say
    what differs. `rows` oldest first."""
    runs = [row for row in reversed(rows) if row.kind is CanaryKind.RUN]
    own = next((row for row in runs if not list(_foreign(row, scope))), None)
    near = next((row for row in runs if row.symbol == scope.symbol), None)
    return own or near or next(iter(runs), None)


def judge(case: Case) -> tuple[CanaryCheck, ...]:
    """Every check; the confirm may go on only when all of them hold."""
    return (*_environment(case), _typed(case), *_run(case), _cap(case))


def _environment(case: Case) -> Iterator[CanaryCheck]:
    where = f"{case.host} is {case.environment}"
    if case.environment is Environment.LIVE:
        yield _no("environment", "LIVE_HOST", f"{where}: a canary order is never placed with real money")
    else:
        yield _ok("environment", f"{where}, proved by the host")


def _typed(case: Case) -> CanaryCheck:
    symbol = case.scope.symbol
    if case.typed != symbol:
        typed = f"{case.typed[:40]!r} was typed" if case.typed else "nothing was typed"
        return _no("typed", "NOT_TYPED", f"type {symbol} to confirm; {typed}")
    return _ok("typed", f"{symbol} was typed")


def _run(case: Case) -> Iterator[CanaryCheck]:
    run = case.run
    if run is None:
        yield _no("run", "NO_RUN", "there is no run to confirm; begin with: spark-tui canary run")
        return
    differs = list(_foreign(run, case.scope))
    if differs:
        text = f"no run has this scope; the nearest, {run.run_id}, differs in {', '.join(differs)}"
        yield _no("scope", FOREIGN_SCOPE, f"{text}: run the canary for what you confirm")
        return
    yield _ok("scope", f"{run.run_id} ran with the same symbol, side, size and configuration")
    if run.verdict is not CanaryVerdict.GREEN:
        yield _no("green", "RUN_NOT_GREEN", f"{run.run_id} is {run.verdict}: {'; '.join(run.reasons)}")
    else:
        yield _ok("green", f"{run.run_id} is green")
    age = case.now_ms - run.at_ms
    if age < 0:
        text = f"{run.run_id} is of a later time than now: the clock was set back; run it again"
        yield _no("fresh", "STALE_RUN", text)
    elif age >= FRESH_MS:
        text = f"{run.run_id} is {age // 1_000} s old, the most is {FRESH_MS // 1_000} s; run it again"
        yield _no("fresh", "STALE_RUN", text)
    else:
        yield _ok("fresh", f"{run.run_id} is {age // 1_000} s old")
    if case.used:
        yield _no("once", "RUN_USED", f"{run.run_id} was confirmed before; run it again")
    if case.evidence:
        yield _no("evidence", "EVIDENCE", f"the evidence of {run.run_id} does not hold: {case.evidence}")
    else:
        yield _ok("evidence", "its evidence is as it was signed")


def _foreign(run: CanaryRow, scope: Scope) -> Iterator[str]:
    """In what the run is of another scope."""
    if (run.venue, run.symbol) != (scope.venue, scope.symbol):
        yield f"symbol ({run.symbol})"
    if run.side is not scope.side:
        yield f"side ({run.side})"
    if scope.quantity is not None and run.quantity != scope.quantity:
        yield f"size ({'none' if run.quantity is None else plain(run.quantity)})"
    if run.config_hash != scope.config_hash:
        yield "configuration"


def _cap(case: Case) -> CanaryCheck:
    worth = case.worth
    if case.run is None:
        return _no("cap", "NO_RUN", "without a run there is no order to value")
    if worth is None or not usable(worth) or worth <= 0:
        return _no("cap", "NO_WORTH", "what the order is worth in USDT cannot be told; wait for a price")
    shown = plain(rounded(worth, 2))
    if worth > CAP_USDT:
        return _no("cap", "OVER_CAP", f"the order is worth {shown} USDT, the most is {plain(CAP_USDT)}")
    return _ok("cap", f"worth {shown} of {plain(CAP_USDT)} USDT")


def _ok(name: str, text: str) -> CanaryCheck:
    return CanaryCheck(name=name, ok=True, text=text)


def _no(name: str, code: str, text: str) -> CanaryCheck:
    return CanaryCheck(name=name, ok=False, text=text, code=code)
