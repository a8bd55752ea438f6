"""The dry look: everything an order needs, asked of gate, book and venue, and nothing placed."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from spark_tui.domain import filters
from spark_tui.domain.book import Depth, Unusable
from spark_tui.domain.decimals import ceil_to, divide_down, from_float, nearest, plain, rounded
from spark_tui.domain.instrument import Instrument, LotSize, MarketLotSize, MinNotional, Notional
from spark_tui.domain.market import DepthSnapshot
from spark_tui.domain.order import OrderRequest
from spark_tui.engine.cost import Cost, cost_of
from spark_tui.engine.gate import Assessment
from spark_tui.engine.market import Market
from spark_tui.link.messages import CanaryCheck, Execution, Measured
from spark_tui.link.service import LinkError
from spark_tui.store.evidence import hashed_exchange
from spark_tui.venues.port import VenueError
from spark_tui.wire.clock import NS_PER_MS, NS_PER_S, Clock
from spark_tui.wire.exchanges import Exchange, heard_by

if TYPE_CHECKING:
    from spark_tui.engine.engine import Engine

LATENCY_AIM_S = 1.0
BOOKS_APART_BP = 50  # our book against a fresh snapshot of the venue's
_LEVELS_KEPT = 20
_SNAPSHOT_LEVELS = 100
_SHOWN = Decimal("1e-8")
_ROOM = Decimal("1.25")  # above the smallest notional, so that the market may move meanwhile

Section = tuple[str, Mapping[str, Any]]


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """`request`: on the instrument's grid. `worth`: in USDT."""

    request: OrderRequest
    checks: tuple[CanaryCheck, ...]
    sections: tuple[Section, ...]
    expected: Execution
    worth: Decimal | None
    latency_s: float | None
    measured: Measured

    @property
    def reasons(self) -> tuple[str, ...]:
        return tuple(f"{check.code}: {check.text}" for check in self.checks if not check.ok)


async def probe(engine: "Engine", clock: Clock, request: OrderRequest, test_id: str) -> Probe:
    """Never raises over what the venue answers: that is what a canary is for."""
    assessment = engine.gate.assess(request)
    market = engine.markets[request.venue]
    cost = cost_of(request, assessment, market)
    ours = market.depth(request.symbol, _LEVELS_KEPT)
    heard_ago_s = _heard_ago_s(market, request.symbol, clock)
    heard: list[Exchange] = []
    with heard_by(heard.append):
        theirs = await _snapshot(engine, request)
        began = clock.mono_ns()
        refusal = await _refusal(engine, request, test_id)
        took_s = (clock.mono_ns() - began) / NS_PER_S
    worth = _worth(engine, request, assessment, cost)
    clocks = _clocks(engine, clock, request.venue)
    latency_s = took_s if refusal is None else None
    checks = (
        *_health(engine, request),
        *_rules(assessment),
        _books_agree(ours, theirs),
        _validated(refusal),
        _latency(took_s),
        _valued(worth),
    )
    return Probe(
        request=request,
        checks=checks,
        sections=(
            ("clock", clocks),
            ("order", {"request": request}),
            ("filters", {"instrument": assessment.instrument}),
            ("risk", {"verdicts": assessment.verdicts}),
            ("book", {"ours": _depth(ours), "venue": _levels(theirs)}),
            ("expected", {"execution": expectation(request, cost), "worth_usdt": worth}),
            ("exchanges", {"exchanges": exchanges(heard)}),
        ),
        expected=expectation(request, cost),
        worth=worth,
        latency_s=latency_s,
        measured=Measured(
            feed_age_s=heard_ago_s,
            test_latency_s=latency_s,
            clock_offset_ms=clocks["offset_ms"],
        ),
    )


def smallest(instrument: Instrument, price: Decimal | None) -> Decimal:
    """The smallest quantity the venue takes at `price`, with some room. Raises LinkError NO_PRICE."""
    if price is None:
        raise LinkError("NO_PRICE", f"{instrument.symbol} has no price now; name a quantity, or wait.")
    least, step = Decimal(0), filters.quantity_step(instrument) or Decimal("1e-8")
    for rule in instrument.filters:
        match rule:
            case LotSize() | MarketLotSize():
                least = max(least, rule.min_quantity)
            case MinNotional() | Notional():
                least = max(least, divide_down(rule.min_notional * _ROOM, price))
    return ceil_to(least, step)


def expectation(request: OrderRequest, cost: Cost) -> Execution:
    slippage = None if cost.slippage_bp is None else round(from_float(cost.slippage_bp), 2)
    return Execution(
        price=None if cost.price is None else nearest(cost.price, _SHOWN),
        quantity=request.quantity,
        notional=None if cost.notional is None else nearest(cost.notional, _SHOWN),
        fees={} if cost.fee is None else {cost.fee_asset: cost.fee},
        slippage_bp=slippage,
    )


def exchanges(heard: list[Exchange]) -> list[object]:
    return [
        hashed_exchange(
            one.what,
            one.request,
            one.answer,
            status=one.status,
            at_ms=one.at_ns // NS_PER_MS,
            took_us=one.took_ns // 1_000,
        )
        for one in heard
    ]


def exchanges_of(seen: Probe) -> list[Any]:
    """As they stand in its sections."""
    found: list[Any] = dict(seen.sections)["exchanges"]["exchanges"]
    return found


# --- what is asked of the venue ----------------------------------------------------------------------------


async def _snapshot(engine: "Engine", request: OrderRequest) -> DepthSnapshot | VenueError:
    try:
        venue = engine.runners[request.venue].venue
        return await venue.depth_snapshot(request.symbol, _SNAPSHOT_LEVELS)
    except VenueError as error:
        return error


async def _refusal(engine: "Engine", request: OrderRequest, test_id: str) -> VenueError | None:
    try:
        await engine.runners[request.venue].venue.test_order(test_id, request)
    except VenueError as error:
        return error
    return None


def _worth(engine: "Engine", request: OrderRequest, assessment: Assessment, cost: Cost) -> Decimal | None:
    _, quote = assessment.assets
    if cost.notional is None or not quote:
        return None
    worth = engine.portfolio.worth(request.venue, quote, cost.notional)
    return None if worth is None else nearest(worth, _SHOWN)


# --- what is concluded -------------------------------------------------------------------------------------


def _health(engine: "Engine", request: OrderRequest) -> Iterator[CanaryCheck]:
    row = next(row for row in engine.condition.venues().rows if row.name == request.venue)
    if row.state == "up":
        yield _ok("venue", f"{row.name} is up")
    else:
        yield _no("venue", "VENUE_NOT_UP", f"{row.name} is {row.state}: {row.detail or 'no detail'}")
    if engine.journal.failure:
        yield _no("ledger", "LEDGER_UNAVAILABLE", f"the ledger cannot be written: {engine.journal.failure}")
    else:
        yield _ok("ledger", "the ledger takes records")


def _rules(assessment: Assessment) -> Iterator[CanaryCheck]:
    """That live trading is not armed is no fault here: arming rests on this canary, not the other way
    round."""
    judged = [verdict for verdict in assessment.verdicts if verdict.rule != "live_armed"]
    for verdict in judged:
        if not verdict.ok:
            yield _no(f"rule {verdict.rule}", verdict.code, verdict.text)
    if all(verdict.ok for verdict in judged):
        yield _ok("rules", f"all {len(judged)} rules pass")


def _books_agree(ours: Depth | Unusable, theirs: DepthSnapshot | VenueError) -> CanaryCheck:
    name = "book"
    if isinstance(ours, Unusable):
        return _no(name, "BOOK_UNUSABLE", f"our book cannot be priced from: {ours.why}")
    if isinstance(theirs, VenueError):
        return _no(name, theirs.code, f"the venue's book could not be asked for: {theirs.text}")
    if not (theirs.bids and theirs.asks and ours.bids and ours.asks):
        return _no(name, "BOOK_EMPTY", "one side of the book is empty")
    here, there = _mid(ours.bids[0][0], ours.asks[0][0]), _mid(theirs.bids[0][0], theirs.asks[0][0])
    apart = round(abs(here - there) / there * 10_000, 2)
    if apart > BOOKS_APART_BP:
        return _no(name, "BOOKS_DIFFER", f"our book is {plain(apart)} bp from the venue's, a resync is due")
    return _ok(name, f"our book is {plain(apart)} bp from the venue's")


def _mid(bid: float, ask: float) -> Decimal:
    return (from_float(bid) + from_float(ask)) / 2


def _validated(refusal: VenueError | None) -> CanaryCheck:
    if refusal is None:
        return _ok("order/test", "the venue would take the order")
    return _no("order/test", refusal.code, f"the venue would not take the order: {refusal.text}")


def _latency(took_s: float) -> CanaryCheck:
    text = f"order/test took {took_s * 1_000:.0f} ms, the aim is {LATENCY_AIM_S:g} s"
    return _ok("latency", text) if took_s <= LATENCY_AIM_S else _no("latency", "SLOW", text)


def _valued(worth: Decimal | None) -> CanaryCheck:
    if worth is None:
        return _no("worth", "NO_WORTH", "what the order is worth in USDT cannot be told; wait for a price")
    return _ok("worth", f"worth {plain(rounded(worth, 2))} USDT")


def _heard_ago_s(market: Market, symbol: str, clock: Clock) -> float | None:
    """None: nothing ever was."""
    one = market.symbols.get(symbol)
    return one.age_s(clock.mono_ns()) if one is not None and one.heard_ns else None


def _clocks(engine: "Engine", clock: Clock, venue: str) -> dict[str, int]:
    ours, theirs = clock.wall_ns() // NS_PER_MS, engine.runners[venue].venue.server_time_ms()
    return {"ours_ms": ours, "venue_ms": theirs, "offset_ms": theirs - ours}


def _depth(book: Depth | Unusable) -> object:
    if isinstance(book, Unusable):
        return {"unusable": book.why}
    return {
        "update_id": book.update_id,
        "age_us": book.age_ns // 1_000,
        "bids": book.bids[:_LEVELS_KEPT],
        "asks": book.asks[:_LEVELS_KEPT],
    }


def _levels(book: DepthSnapshot | VenueError) -> object:
    if isinstance(book, VenueError):
        return {"unusable": book.text}
    return {
        "update_id": book.last_id,
        "bids": book.bids[:_LEVELS_KEPT],
        "asks": book.asks[:_LEVELS_KEPT],
    }


def _ok(name: str, text: str) -> CanaryCheck:
    return CanaryCheck(name=name, ok=True, text=text)


def _no(name: str, code: str, text: str) -> CanaryCheck:
    return CanaryCheck(name=name, ok=False, text=text, code=code)
