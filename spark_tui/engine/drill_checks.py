"""The invariants of the fault plan, as far as they can be seen from outside: asked of the venue after a
drill."""

from decimal import Decimal

from spark_tui.domain import lifecycle
from spark_tui.domain.account import Balance
from spark_tui.domain.order import NEVER_LIVED, OrderState
from spark_tui.domain.values import Side
from spark_tui.engine.drill_stage import DECIDED_S, Stage
from spark_tui.venues.port import OrderReport, OrderStatus, TradeReport

_TRADES = 1_000
_ENDED = {
    OrderState.FILLED: OrderStatus.FILLED,
    OrderState.CANCELED: OrderStatus.CANCELED,
    OrderState.EXPIRED: OrderStatus.EXPIRED,
}


async def invariants(stage: Stage) -> None:
    """Adds one check an invariant. Raises VenueError when the venue cannot be asked."""
    runner = stage.engine.runners[stage.venue]
    await runner.reconciler.compare_now()
    venue = runner.venue
    reports = {one: await venue.query(stage.symbol, one) for one in stage.ids}
    trades = await venue.trades(stage.symbol, from_id=stage.first_trade, limit=_TRADES)
    await _one_each(stage, reports, trades)
    await _fills(stage, reports)
    _position(stage, trades)
    await _money(stage)
    _evidence(stage, reports)
    await _quiet(stage)


async def _one_each(
    stage: Stage, reports: dict[str, OrderReport | None], trades: tuple[TradeReport, ...]
) -> None:
    """Every trade since the beginning belongs to an order somebody is known to have placed, and what traded
    or rests beside the drill's orders does not bear one of their ids: the venue would take an id twice."""
    state, strangers = stage.engine.journal.state, stage.engine.books.external
    known = {report.venue_order_id for report in reports.values() if report is not None}
    lone = [
        trade
        for trade in trades
        if trade.venue_order_id not in known
        and (trade.venue, trade.symbol, trade.venue_order_id) not in state.by_venue_id
        and (trade.venue, trade.symbol, trade.venue_order_id) not in strangers
        and trade.fill.trade_id not in state.external_trades.get((trade.venue, trade.symbol), {})
    ]
    venue = stage.engine.runners[stage.venue].venue
    others = {trade.venue_order_id for trade in trades} - known
    beside = [await venue.query_by_venue_id(stage.symbol, one) for one in sorted(others)]
    beside += [one for one in await venue.open_orders(stage.symbol) if one.venue_order_id not in known]
    doubled = [one for one in beside if one is not None and one.client_order_id in stage.ids]
    stage.check(
        "one venue order for each intent, no trade without one",
        not lone
        and not doubled
        and len(known) == len([report for report in reports.values() if report is not None]),
    )


async def _fills(stage: Stage, reports: dict[str, OrderReport | None]) -> None:
    def agree() -> bool:
        for client_id, report in reports.items():
            order = stage.order(client_id)
            unique = {fill.trade_id: fill.quantity for fill in order.fills}
            if order.filled != sum(unique.values(), Decimal(0)) or len(unique) != len(order.fills):
                return False
            if report is not None and order.filled < report.filled:
                return False
        return True

    await stage.until(agree, DECIDED_S, "filled = unique trades = what the venue counts")


def _position(stage: Stage, trades: tuple[TradeReport, ...]) -> None:
    base = stage.engine.journal.state.assets.get((stage.venue, stage.symbol), ("", ""))[0]
    moved = Decimal(0)
    for trade in trades:
        fill = trade.fill
        moved += fill.quantity if trade.side == Side.BUY else -fill.quantity
        moved -= fill.commission if fill.commission_asset == base else Decimal(0)
    stage.check("position = sum of the venue's trades", stage.position - stage.position_before == moved)


async def _money(stage: Stage) -> None:
    told = {one.asset: one for one in (await stage.engine.runners[stage.venue].venue.balances()).balances}

    def same() -> bool:
        return all(
            told.get(asset, held) == held or _nothing(held)
            for asset, held in stage.engine.portfolio.balances.get(stage.venue, {}).items()
        )

    await stage.until(same, 5.0, "free and locked money as at the venue")


def _nothing(held: Balance) -> bool:
    return not held.free and not held.locked


def _evidence(stage: Stage, reports: dict[str, OrderReport | None]) -> None:
    """What ended here ended there, or has never been there."""
    wrong = []
    for client_id, report in reports.items():
        state = stage.order(client_id).state
        if lifecycle.is_open(state):
            continue
        if state in NEVER_LIVED:
            wrong += [client_id] if report is not None else []
        elif report is None or report.status is not _ENDED[state]:
            wrong.append(client_id)
    stage.check("every order that ended here has ended at the venue, or never lived there", not wrong)


async def _quiet(stage: Stage) -> None:
    """I6. Twice, for the market may trade with us in between."""
    reconciler, journal = stage.engine.runners[stage.venue].reconciler, stage.engine.journal
    for _ in range(2):
        before = journal.state.digest()
        await reconciler.compare_now()
        quiet = journal.state.digest() == before
        if quiet:
            break
    stage.check("a second reconciliation finds nothing", quiet)
