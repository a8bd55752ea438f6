"""One table of what every rule says: the tests run it, and the mutation check breaks each rule against it."""

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from spark_tui.domain.filters import FilterFailure
from spark_tui.domain.instrument import SymbolStatus
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.risk import Around, Exposure, Measure, RiskContext
from spark_tui.domain.rules import Rule, RuleEffect, RuleKind, Scope
from spark_tui.domain.slippage import Taken
from spark_tui.domain.values import Environment, OrderType, Side, TimeInForce, TradingState

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
VENUE, SYMBOL = "sim", "BTCUSDT"
MONDAY_NOON_MS = 1_732_536_000_000  # 2024-11-25 12:00 UTC


def exposure(
    quantity: str = "0", buys: str = "0", sells: str = "0", price: str | None = "60000", **more: object
) -> Exposure:
    one = Exposure(
        venue=VENUE,
        symbol=SYMBOL,
        quantity=D(quantity),
        buys=D(buys),
        sells=D(sells),
        price=None if price is None else D(price),
        rate=D(1),
    )
    return msgspec.structs.replace(one, **more)


def around(*exposures: Exposure, equity: str | None = "10000", **measures: Measure) -> Around:
    """`measures` by rule id, written with underscores."""
    return Around(
        now_ms=MONDAY_NOON_MS,
        exposures=exposures or (exposure(),),
        equity=None if equity is None else D(equity),
        measures={name.replace("_", "-"): one for name, one in measures.items()},
    )


CALM = RiskContext(
    trading_state=TradingState.ACTIVE,
    halt_reason="",
    reconciling=False,
    environment=Environment.SIM,
    live_armed=False,
    instrument_status=SymbolStatus.TRADING,
    base="BTC",
    quote="USDT",
    mid=D(60_000),
    bid=D("59999.5"),
    ask=D("60000.5"),
    filter_failures=(),
    balances_free={"USDT": D(100_000), "BTC": D(5)},
    taken=Taken(),
    around=around(),
)


def limit(
    quantity: str | D | None = "0.01", price: str | D = "60000", side: Side = BUY, **more: object
) -> OrderRequest:
    request = OrderRequest(
        venue=VENUE,
        symbol=SYMBOL,
        side=side,
        type=OrderType.LIMIT,
        quantity=None if quantity is None else D(quantity),
        price=D(price),
        time_in_force=TimeInForce.GTC,
    )
    return msgspec.structs.replace(request, **more)


def market(side: Side = BUY, **sized: Decimal) -> OrderRequest:
    return OrderRequest(venue=VENUE, symbol=SYMBOL, side=side, type=OrderType.MARKET, **sized)


def calm(**changes: object) -> RiskContext:
    return msgspec.structs.replace(CALM, **changes)


def held(*exposures: Exposure, equity: str | None = "10000") -> RiskContext:
    return calm(around=around(*exposures, equity=equity))


def counted(value: str | None, age_s: float | None = None, *, equity: str | None = "10000") -> RiskContext:
    measure = Measure(value=None if value is None else D(value), age_s=age_s)
    return calm(around=around(equity=equity, r=measure))


def rule(kind: RuleKind, limit: str | None = None, **more: object) -> Rule:
    return Rule(id="r", kind=kind, limit=None if limit is None else D(limit), **more)


class Case(msgspec.Struct, frozen=True):
    """`code` empty: it passes."""

    name: str
    rules: tuple[Rule, ...]
    request: OrderRequest
    context: RiskContext
    code: str


def _always() -> Iterator[Case]:
    reducing = {"trading_state": TradingState.REDUCING}
    live = {"environment": Environment.LIVE}
    bad_lot = (FilterFailure(filter="LOT_SIZE", text="LOT_SIZE: no"),)
    for name, request, context, code in (
        ("active", limit(), CALM, ""),
        ("halted", limit(), calm(trading_state=TradingState.HALTED), "HALTED"),
        ("reducing opens", limit(), calm(**reducing), "REDUCING"),
        ("reducing closes", limit(side=SELL), calm(**reducing, position=D("0.01")), ""),
        (
            "reducing closes too much",
            limit("0.011", side=SELL),
            calm(**reducing, position=D("0.01")),
            "REDUCING",
        ),
        ("reducing covers", limit(), calm(**reducing, position=D("-0.01")), ""),
        ("reducing adds to a short", limit(side=SELL), calm(**reducing, position=D("-0.01")), "REDUCING"),
        (
            "reducing counts what is open",
            limit(side=SELL),
            calm(**reducing, position=D("0.015"), open_exposure=D("0.006")),
            "REDUCING",
        ),
        ("reducing sells what is held", limit("5", side=SELL), calm(**reducing), ""),
        (
            "reducing holds nothing",
            limit(side=SELL),
            calm(**reducing, balances_free={"BTC": D(0)}),
            "REDUCING",
        ),
        (
            "reducing without a position's size",
            limit(side=SELL),
            calm(**reducing, position=D("NaN")),
            "REDUCING",
        ),
        ("reducing cannot tell quote money", market(SELL, quote_quantity=D(9)), calm(**reducing), "REDUCING"),
        ("reconciling", limit(), calm(reconciling=True), "RECONCILING"),
        ("live, not armed", limit(), calm(**live), "LIVE_NOT_ARMED"),
        ("live, armed", limit(), calm(**live, live_armed=True), ""),
        ("not trading", limit(), calm(instrument_status=SymbolStatus.CANCEL_ONLY), "SYMBOL_NOT_TRADING"),
        ("no book", limit(), calm(mid=None), "BOOK_UNUSABLE"),
        ("a book at zero", limit(), calm(mid=D(0)), "BOOK_UNUSABLE"),
        ("no ask that is a price", limit(), calm(ask=D(-1)), "BOOK_UNUSABLE"),
        ("no bid that is a price", limit(side=SELL), calm(bid=D("NaN")), "BOOK_UNUSABLE"),
        ("a filter", limit(), calm(filter_failures=bad_lot), "FILTER_LOT_SIZE"),
        ("all the money", limit(), calm(balances_free={"USDT": D(600)}), ""),
        ("too little money", limit(), calm(balances_free={"USDT": D("599.99")}), "INSUFFICIENT_BALANCE"),
        ("all the coins", limit(side=SELL), calm(balances_free={"BTC": D("0.01")}), ""),
        (
            "too few coins",
            limit(side=SELL),
            calm(balances_free={"BTC": D("0.0099"), "USDT": D(9999)}),
            "INSUFFICIENT_BALANCE",
        ),
        ("no balance known", limit(), calm(balances_free={"BTC": D(9)}), "INSUFFICIENT_BALANCE"),
        (
            "what is free cannot be told",
            limit(),
            calm(balances_free={"USDT": D("NaN")}, balances_untold={"USDT": "o-1 is UNKNOWN"}),
            "NO_FIGURE",
        ),
        ("another asset's cannot be told", limit(), calm(balances_untold={"BTC": "o-1 is UNKNOWN"}), ""),
        (
            "a balance that is no number",
            limit(),
            calm(balances_free={"USDT": D("NaN")}),
            "INSUFFICIENT_BALANCE",
        ),
        (
            "reducing by no number",
            limit(quantity="NaN", side=SELL),
            calm(**reducing, position=D(1)),
            "REDUCING",
        ),
        (
            "reducing with open orders of no size",
            limit(side=SELL),
            calm(**reducing, position=D(1), open_exposure=D("NaN")),
            "REDUCING",
        ),
        (
            "reducing holds no number",
            limit(side=SELL),
            calm(**reducing, balances_free={"BTC": D("NaN")}),
            "REDUCING",
        ),
        (
            "reducing holds less than nothing",
            limit(side=SELL),
            calm(**reducing, balances_free={"BTC": D(-1)}),
            "REDUCING",
        ),
        ("no quantity", limit(quantity=None), CALM, "INSUFFICIENT_BALANCE"),
        (
            "quote money, sold",
            market(SELL, quote_quantity=D(600)),
            calm(balances_free={"BTC": D("0.01")}),
            "INSUFFICIENT_BALANCE",
        ),
    ):
        yield Case(name, (), request, context, code)


def _orders() -> Iterator[Case]:
    cap = rule(RuleKind.MAX_ORDER_NOTIONAL, "600")
    floor = rule(RuleKind.MIN_ORDER_NOTIONAL, "600")
    most = rule(RuleKind.MAX_ORDER_QUANTITY, "0.01")
    band = rule(RuleKind.PRICE_BAND, "2")
    slip = rule(RuleKind.MAX_SLIPPAGE, "10")
    listed = rule(RuleKind.SYMBOLS, symbols=("BTCUSDT", "ETHUSDT"))
    stop = msgspec.structs.replace(limit(), type=OrderType.STOP_LOSS, price=None, stop_price=D(60_000))
    drop = limit("0.01", "59000", SELL, type=OrderType.STOP_LOSS_LIMIT, stop_price=D(59_999))
    walks = market(quantity=D("0.009"))
    trails = msgspec.structs.replace(stop, trailing_delta=100)
    sold = market(SELL, quote_quantity=D(594))
    rests = msgspec.structs.replace(limit(), type=OrderType.LIMIT_MAKER)
    nan = limit(quantity=D("NaN"))
    for name, one, request, context, code in (
        ("at the cap", cap, limit(), CALM, ""),
        ("above the cap", cap, limit("0.01001"), CALM, "MAX_NOTIONAL"),
        ("below the cap", cap, limit("0.009"), CALM, ""),
        ("a market order above the cap", cap, market(quantity=D("0.01")), CALM, "MAX_NOTIONAL"),
        ("a market sale below the cap", cap, market(SELL, quantity=D("0.01")), CALM, ""),
        (
            "a sale that gets the bid, above the cap",
            cap,
            limit("0.0101", "30000", SELL),
            CALM,
            "MAX_NOTIONAL",
        ),
        ("a sale that gets the bid, below the cap", cap, limit("0.01", "30000", SELL), CALM, ""),
        ("a sale that rests above the cap", cap, limit("0.01", "60001", SELL), CALM, "MAX_NOTIONAL"),
        ("a sale of no bid", cap, limit(side=SELL), calm(bid=D("NaN")), "BOOK_UNUSABLE"),
        ("a stop that sells below the cap", cap, drop, CALM, ""),
        (
            "a stop that sells above the cap",
            cap,
            msgspec.structs.replace(drop, stop_price=D("60000.01")),
            CALM,
            "MAX_NOTIONAL",
        ),
        ("what the book asks, above the cap", cap, walks, calm(taken=Taken(D("66667"))), "MAX_NOTIONAL"),
        ("what the book asks, below the cap", cap, walks, calm(taken=Taken(D("66666"))), ""),
        ("more than the book holds, for the cap", cap, walks, calm(taken=Taken(short=True)), "MAX_NOTIONAL"),
        ("nothing to take, for the cap", cap, walks, CALM, ""),
        (
            "a stop is not worth the bid of now",
            cap,
            msgspec.structs.replace(drop, quantity=D("0.010001"), stop_price=D(59_990)),
            CALM,
            "",
        ),
        ("no book walked, for the cap", cap, walks, calm(taken=None), "MAX_NOTIONAL"),
        ("follows the price up, above the cap", cap, trails, CALM, "MAX_NOTIONAL"),
        (
            "follows the price up, to the cap",
            cap,
            msgspec.structs.replace(trails, quantity=D("0.0099"), trailing_delta=101),
            CALM,
            "",
        ),
        (
            "follows the price up, not beyond its limit",
            cap,
            msgspec.structs.replace(trails, type=OrderType.STOP_LOSS_LIMIT, price=D(60_000)),
            CALM,
            "",
        ),
        (
            "follows the price down, and sells",
            cap,
            msgspec.structs.replace(trails, side=SELL),
            CALM,
            "",
        ),
        ("a limit is its most, for the cap", cap, limit(), calm(taken=Taken(D("60001"))), ""),
        ("a stop at its trigger", cap, stop, CALM, ""),
        ("quote money above the cap", cap, market(quote_quantity=D(601)), CALM, "MAX_NOTIONAL"),
        ("no worth for the cap", cap, nan, CALM, "MAX_NOTIONAL"),
        ("a cap that is no number", rule(RuleKind.MAX_ORDER_NOTIONAL, "NaN"), limit(), CALM, "MAX_NOTIONAL"),
        ("a cap that is missing", rule(RuleKind.MAX_ORDER_NOTIONAL), limit(), CALM, "MAX_NOTIONAL"),
        ("at the floor", floor, limit(), CALM, ""),
        ("below the floor", floor, limit("0.0099"), CALM, "MIN_NOTIONAL"),
        ("above the floor", floor, limit("0.02"), CALM, ""),
        ("no worth for the floor", floor, nan, CALM, "MIN_NOTIONAL"),
        (
            "a floor that is no number",
            rule(RuleKind.MIN_ORDER_NOTIONAL, "NaN"),
            limit(),
            CALM,
            "MIN_NOTIONAL",
        ),
        ("a floor that is missing", rule(RuleKind.MIN_ORDER_NOTIONAL), limit(), CALM, "MIN_NOTIONAL"),
        ("the largest quantity", most, limit(), CALM, ""),
        ("more than the largest quantity", most, limit("0.0101"), CALM, "MAX_QUANTITY"),
        ("less than the largest quantity", most, limit("0.001"), CALM, ""),
        ("a quantity finer than any step", most, limit("0.000123456789"), CALM, ""),
        ("quote money as a quantity", most, market(quote_quantity=D(601)), CALM, "MAX_QUANTITY"),
        ("quote money for what the book gives", most, sold, calm(taken=Taken(D(59_400))), ""),
        ("more is sold where the book gives less", most, sold, calm(taken=Taken(D(59_399))), "MAX_QUANTITY"),
        ("the book gives more than the bid", most, sold, calm(taken=Taken(D(60_000))), ""),
        ("the book gives no number", most, sold, calm(taken=Taken(D("NaN"))), "MAX_QUANTITY"),
        ("the book says nothing of it", most, sold, CALM, ""),
        ("the book does not hold the money", most, sold, calm(taken=Taken(short=True)), "MAX_QUANTITY"),
        (
            "quote money spent where the book asks more",
            most,
            market(quote_quantity=D(600)),
            calm(taken=Taken(D(50_000))),
            "",
        ),
        ("no quantity for the largest", most, nan, CALM, "MAX_QUANTITY"),
        (
            "a largest that is no number",
            rule(RuleKind.MAX_ORDER_QUANTITY, "NaN"),
            limit(),
            CALM,
            "MAX_QUANTITY",
        ),
        ("a largest that is missing", rule(RuleKind.MAX_ORDER_QUANTITY), limit(), CALM, "MAX_QUANTITY"),
        ("at the upper edge of the band", band, limit(price="61200"), CALM, ""),
        ("at the lower edge of the band", band, limit(price="58800"), CALM, ""),
        ("above the band", band, limit(price="61200.01"), CALM, "PRICE_BAND"),
        ("below the band", band, limit(price="58799.99"), CALM, "PRICE_BAND"),
        ("no price for the band", band, limit(price=D("NaN")), CALM, "PRICE_BAND"),
        ("no mid for the band", band, limit(), calm(mid=None), "PRICE_BAND"),
        ("a mid of zero for the band", band, limit(), calm(mid=D(0)), "PRICE_BAND"),
        ("a band that is no number", rule(RuleKind.PRICE_BAND, "NaN"), limit(), CALM, "PRICE_BAND"),
        ("a band that is missing", rule(RuleKind.PRICE_BAND), limit(), CALM, "PRICE_BAND"),
        ("slips as much as may be", slip, limit(), calm(taken=Taken(D(60_060))), ""),
        ("slips too much", slip, limit(), calm(taken=Taken(D("60060.01"))), "SLIPPAGE"),
        ("slips too much, sold", slip, limit(side=SELL), calm(taken=Taken(D("59939.9"))), "SLIPPAGE"),
        ("better than mid", slip, limit(), calm(taken=Taken(D("59000"))), ""),
        ("takes nothing", slip, limit(), CALM, ""),
        ("rests", slip, rests, calm(taken=None), ""),
        ("more than the book holds", slip, limit(), calm(taken=Taken(short=True)), "SLIPPAGE"),
        ("no book for the slippage", slip, limit(), calm(taken=None), "SLIPPAGE"),
        ("no mid for the slippage", slip, limit(), calm(taken=Taken(D(60_000)), mid=None), "SLIPPAGE"),
        ("a mid of zero for the slippage", slip, limit(), calm(taken=Taken(D(1)), mid=D(0)), "SLIPPAGE"),
        ("a slippage that is no number", rule(RuleKind.MAX_SLIPPAGE, "NaN"), limit(), CALM, "SLIPPAGE"),
        ("a slippage that is missing", rule(RuleKind.MAX_SLIPPAGE), limit(), CALM, "SLIPPAGE"),
        ("on the list", listed, limit(), CALM, ""),
        ("not on the list", listed, limit(symbol="DOGEUSDT"), CALM, "SYMBOL_NOT_ALLOWED"),
        ("a rule switched off", rule(RuleKind.MAX_ORDER_NOTIONAL, "1", enabled=False), limit(), CALM, ""),
        (
            "another symbol's rule",
            rule(RuleKind.MAX_ORDER_NOTIONAL, "1", scope=Scope(symbol="ETHUSDT")),
            limit(),
            CALM,
            "",
        ),
        (
            "this symbol's rule",
            rule(RuleKind.MAX_ORDER_NOTIONAL, "1", scope=Scope(symbol=SYMBOL)),
            limit(),
            CALM,
            "MAX_NOTIONAL",
        ),
        (
            "another venue's rule",
            rule(RuleKind.MAX_ORDER_NOTIONAL, "1", scope=Scope(venue="x")),
            limit(),
            CALM,
            "",
        ),
        (
            "this venue's rule",
            rule(RuleKind.MAX_ORDER_NOTIONAL, "1", scope=Scope(venue=VENUE)),
            limit(),
            CALM,
            "MAX_NOTIONAL",
        ),
        (
            "another strategy's rule",
            rule(RuleKind.MAX_ORDER_NOTIONAL, "1", scope=Scope(strategy="twap")),
            limit(),
            CALM,
            "",
        ),
        (
            "this strategy's rule",
            rule(RuleKind.MAX_ORDER_NOTIONAL, "1", scope=Scope(strategy="twap")),
            limit(),
            calm(strategy="twap"),
            "MAX_NOTIONAL",
        ),
    ):
        yield Case(name, (one,), request, context, code)


def _exposures() -> Iterator[Case]:
    other = exposure("1", symbol="ETHUSDT", price=D(3_000))
    elsewhere = exposure("0.01", venue="b")
    for kind, code, most in (
        (RuleKind.MAX_POSITION_QUANTITY, "MAX_POSITION", "0.03"),
        (RuleKind.MAX_POSITION_NOTIONAL, "MAX_POSITION_NOTIONAL", "1800"),
        (RuleKind.MAX_POSITION_SHARE, "POSITION_SHARE", "18"),
        (RuleKind.MAX_SYMBOL_EXPOSURE, "SYMBOL_EXPOSURE", "1800"),
        (RuleKind.MAX_GROSS_EXPOSURE, "GROSS_EXPOSURE", "1800"),
        (RuleKind.MAX_NET_EXPOSURE, "NET_EXPOSURE", "1800"),
        (RuleKind.MAX_LEVERAGE, "LEVERAGE", "0.18"),
    ):
        one = rule(kind, most)
        short = {"can_short": True}
        for name, request, context, told in (
            ("with nothing held", limit(), CALM, ""),
            ("up to the limit", limit("0.02"), held(exposure("0.01")), ""),
            ("beyond it", limit("0.0201"), held(exposure("0.01")), code),
            ("a number that needs more digits than a sum", limit(D("1E+30"), "50000"), CALM, code),
            ("counts open buys", limit(), held(exposure("0.01", buys="0.0101")), code),
            ("counts no open sells for a buy", limit(), held(exposure("0.02", sells="0.02")), ""),
            ("a sale of what is held", limit("0.05", side=SELL), held(exposure("0.05")), ""),
            ("a sale beyond what is held opens nothing on spot", limit("1", side=SELL), held(exposure()), ""),
            ("a short up to the limit", limit("0.03", side=SELL), held(exposure(**short)), ""),
            ("a short beyond it", limit("0.0301", side=SELL), held(exposure(**short)), code),
            ("a short with open sells", limit(side=SELL), held(exposure(sells="0.0201", **short)), code),
            ("a way out of too much", limit("0.05", side=SELL), held(exposure("0.05", **short)), ""),
            ("a flip as large as before", limit("0.1", side=SELL), held(exposure("0.05", **short)), ""),
            ("a flip into more", limit("0.1001", side=SELL), held(exposure("0.05", **short)), code),
            ("covering a short", limit("0.05"), held(exposure("-0.05", **short)), ""),
            ("what was sold on spot is none", limit("0.02"), held(exposure("-0.01")), ""),
            ("an order without a quantity", limit(quantity=D("NaN")), CALM, code),
            ("quote money", market(quote_quantity=D(1801)), CALM, code),
            ("a position without a size", limit(), held(exposure("NaN")), "NO_FIGURE"),
            ("buys without a size", limit(), held(exposure(buys="NaN")), "NO_FIGURE"),
            ("sells without a size", limit(), held(exposure(sells="NaN")), "NO_FIGURE"),
            ("buys of no number at all", limit(), held(exposure(buys="sNaN")), "NO_FIGURE"),
            ("its instrument is not known", limit(), held(other), "NO_FIGURE"),
            ("a limit that is no number", limit(), CALM, "NO_FIGURE"),
            ("a limit that is missing", limit(), CALM, "NO_FIGURE"),
        ):
            asked = one
            if name.startswith("a limit"):
                asked = rule(kind, "NaN" if "number" in name else None)
            yield Case(f"{kind}: {name}", (asked,), request, context, told)
        if kind is RuleKind.MAX_POSITION_QUANTITY:
            yield Case(f"{kind}: needs no price", (one,), limit(), held(exposure(price=None)), "")
            continue
        yield Case(f"{kind}: without a price", (one,), limit(), held(exposure(price=None)), "NO_FIGURE")
        yield Case(f"{kind}: at a price of zero", (one,), limit(), held(exposure(price="0")), "NO_FIGURE")
        priceless = held(exposure("0.05", price=None))
        yield Case(f"{kind}: the way out needs no price", (one,), limit("0.05", side=SELL), priceless, "")
        if kind is RuleKind.MAX_POSITION_NOTIONAL:
            continue
        unrated = held(exposure(rate=None))
        yield Case(f"{kind}: without a rate", (one,), limit(), unrated, "NO_FIGURE")
        in_lira = held(exposure("0.01", rate=D("0.5")))
        yield Case(f"{kind}: in the account's currency", (one,), limit("0.05"), in_lira, "")
        yield Case(f"{kind}: beyond it there", (one,), limit("0.0501"), in_lira, code)
        whole = kind not in (RuleKind.MAX_POSITION_SHARE, RuleKind.MAX_SYMBOL_EXPOSURE)
        both = held(exposure(), other)
        yield Case(f"{kind}: other symbols", (one,), limit(), both, code if whole else "")
        near = rule(kind, most, scope=Scope(symbol=SYMBOL))
        yield Case(f"{kind}: not in its scope", (near,), limit(), both, "")
        venues = held(exposure("0.01"), elsewhere)
        single = kind is RuleKind.MAX_POSITION_SHARE
        yield Case(f"{kind}: other venues", (one,), limit("0.0101"), venues, "" if single else code)
        here = rule(kind, most, scope=Scope(venue=VENUE))
        yield Case(f"{kind}: not at its venue", (here,), limit("0.0101"), venues, "")
    for kind, most in ((RuleKind.MAX_POSITION_SHARE, "18"), (RuleKind.MAX_LEVERAGE, "0.18")):
        one = rule(kind, most)
        for name, equity in (("no equity", None), ("no equity left", "0"), ("equity of no size", "NaN")):
            yield Case(f"{kind}: {name}", (one,), limit(), held(exposure(), equity=equity), "NO_FIGURE")
        out = held(exposure("0.05"), equity=None)
        yield Case(f"{kind}: the way out needs no equity", (one,), limit(side=SELL), out, "")
    net = rule(RuleKind.MAX_NET_EXPOSURE, "1800")
    gross = rule(RuleKind.MAX_GROSS_EXPOSURE, "1800")
    idle = exposure(symbol="ETHUSDT", price=D(3_000))
    yield Case("gross: other symbols stay as they are", (gross,), limit("0.03"), held(exposure(), idle), "")
    blind = exposure(symbol="ETHUSDT", price=None)
    yield Case("gross: nothing is worth nothing", (gross,), limit("0.03"), held(exposure(), blind), "")
    grows = held(exposure("0.01", price=None), other)
    yield Case("gross: what grows needs a price, whatever stays", (gross,), limit(), grows, "NO_FIGURE")
    sold = exposure("-1", symbol="ETHUSDT", price=D(3_000))
    yield Case(
        "net: what was sold on spot is no hedge",
        (net,),
        limit("0.05"),
        held(exposure(), sold),
        "NET_EXPOSURE",
    )
    hedge = exposure("-1", symbol="ETHUSDT", price=D(3_000), can_short=True)
    yield Case("net: a hedge counts against it", (net,), limit("0.08"), held(exposure(), hedge), "")
    yield Case(
        "net: gross counts both",
        (rule(RuleKind.MAX_GROSS_EXPOSURE, "7000"),),
        limit("0.08"),
        held(exposure(), hedge),
        "GROSS_EXPOSURE",
    )
    yield Case("net: beyond the hedge", (net,), limit("0.1001"), held(exposure(), hedge), "NET_EXPOSURE")


def _counts() -> Iterator[Case]:
    opened = rule(RuleKind.MAX_OPEN_ORDERS, "5")
    rate = rule(RuleKind.MAX_ORDER_RATE, "5", window_s=10)
    cancels = rule(RuleKind.MAX_CANCEL_RATE, "5", window_s=10)
    for one, code, last in (
        (opened, "OPEN_ORDERS", "4"),
        (rate, "ORDER_RATE", "4"),
        (cancels, "CANCEL_RATE", "5"),
    ):
        for name, context, told in (
            ("none", counted("0"), ""),
            ("the last one", counted(last), ""),
            ("one too many", counted(str(int(last) + 1)), code),
            ("not counted", CALM, code),
            ("no number", counted("NaN"), code),
            ("nothing", counted(None), code),
        ):
            yield Case(f"{one.kind}: {name}", (one,), limit(), context, told)
        for name, most in (("a limit that is no number", D("NaN")), ("a limit that is missing", None)):
            broken = msgspec.structs.replace(one, limit=most)
            yield Case(f"{one.kind}: {name}", (broken,), limit(), counted("0"), code)


def _standing() -> Iterator[Case]:
    loss = rule(RuleKind.MAX_DAILY_LOSS, "500")
    share = rule(RuleKind.MAX_DAILY_LOSS_SHARE, "5")
    fall = rule(RuleKind.MAX_DRAWDOWN, "20")
    for one, code, last, first in (
        (loss, "DAILY_LOSS", "499.99", "500"),
        (fall, "DRAWDOWN", "19.99", "20"),
        (share, "DAILY_LOSS", "526.31", "526.32"),  # of 10 000 that are left
    ):
        for name, context, told in (
            ("nothing lost", counted("0"), ""),
            ("a gain", counted("-900"), ""),
            ("almost", counted(last), ""),
            ("reached", counted(first), code),
            ("passed", counted("9000"), code),
            ("not known", CALM, "NO_FIGURE"),
            ("no number", counted("NaN"), "NO_FIGURE"),
            ("nothing", counted(None), "NO_FIGURE"),
        ):
            yield Case(f"{one.kind}: {name}", (one,), limit(), context, told)
        for name, most in (("a limit that is no number", D("NaN")), ("a limit that is missing", None)):
            broken = msgspec.structs.replace(one, limit=most)
            yield Case(f"{one.kind}: {name}", (broken,), limit(), counted("0"), "NO_FIGURE")
    exact = counted("500", equity="9500")
    yield Case("daily share: exactly reached", (share,), limit(), exact, "DAILY_LOSS")
    for name, equity in (("no equity", None), ("no equity left", "0")):
        yield Case(f"daily share: {name}", (share,), limit(), counted("0", equity=equity), "NO_FIGURE")
    soft = msgspec.structs.replace(loss, effect=RuleEffect.REDUCE_ONLY)
    lost = counted("500")
    yield Case("reduce-only: opens", (soft,), limit(), lost, "DAILY_LOSS")
    yield Case("reduce-only: closes", (soft,), limit(side=SELL), lost, "")
    yield Case("reduce-only: closes blind", (soft,), limit(side=SELL), CALM, "")
    yield Case("halt: closes", (loss,), limit(side=SELL), lost, "DAILY_LOSS")
    for kind in (RuleKind.LOSS_STREAK, RuleKind.REJECT_STREAK):
        one = rule(kind, "3", window_s=60)
        for name, context, told in (
            ("none", counted("0"), ""),
            ("almost", counted("2", 0.0), ""),
            ("as many", counted("3", 0.0), "COOL_DOWN"),
            ("more", counted("4", 59.9), "COOL_DOWN"),
            ("cooled down", counted("3", 60.0), ""),
            ("nobody knows when", counted("3", None), "COOL_DOWN"),
            ("at no time", counted("3", float("nan")), "COOL_DOWN"),
            ("not counted", CALM, "NO_FIGURE"),
            ("nothing", counted(None), "NO_FIGURE"),
        ):
            yield Case(f"{kind}: {name}", (one,), limit(), context, told)
        windowless = msgspec.structs.replace(one, window_s=None)
        yield Case(f"{kind}: no window", (windowless,), limit(), counted("3", 0.0), "NO_FIGURE")
    for name, hours, told in (
        ("within", "mon 12:00-12:01", ""),
        ("before", "mon 12:01-13:00", "TRADING_HOURS"),
        ("after", "mon 11:00-12:00", "TRADING_HOURS"),
        ("unreadable", "always", "TRADING_HOURS"),
    ):
        yield Case(f"hours: {name}", (rule(RuleKind.TRADING_HOURS, hours=hours),), limit(), CALM, told)


CASES = (*_always(), *_orders(), *_exposures(), *_counts(), *_standing())
