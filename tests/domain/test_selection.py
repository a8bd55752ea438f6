"""Selection and difference: nothing is forgotten, every refusal has its reason, what is held stays."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.domain.account import Balance
from spark_tui.domain.instrument import Instrument, LotSize, Notional, PriceFilter, SymbolStatus
from spark_tui.domain.selection import (
    Day,
    Policy,
    Reason,
    Selection,
    balances_held,
    differ,
    select,
    terms,
)
from spark_tui.domain.values import OrderType

D = Decimal
POLICY = Policy(min_volume={"USDT": D(100), "TRY": D(1000)}, most=2)


def listed(symbol: str = "BTCUSDT", quote: str = "USDT", least: str = "5", **facts: object) -> Instrument:
    one = Instrument(
        venue="v",
        symbol=symbol,
        base=symbol.removesuffix(quote),
        quote=quote,
        status=SymbolStatus.TRADING,
        base_precision=8,
        quote_precision=8,
        order_types=frozenset(OrderType),
        filters=(
            PriceFilter(min_price=D("0.01"), max_price=D(10**6), tick_size=D("0.01")),
            LotSize(min_quantity=D("0.1"), max_quantity=D(9000), step_size=D("0.1")),
            Notional(
                min_notional=D(least),
                apply_min_to_market=True,
                max_notional=D(10**6),
                apply_max_to_market=False,
                avg_price_mins=5,
            ),
        ),
    )
    return msgspec.structs.replace(one, **facts)


def day(symbol: str, volume: str, last: str = "10") -> Day:
    return Day(symbol=symbol, quote_volume=D(volume), last=D(last))


def chosen(selection: Selection) -> list[str]:
    return [one.instrument.symbol for one in selection.chosen]


@pytest.mark.parametrize(
    ("one", "volume", "reason"),
    [
        (listed("BTCEUR", "EUR"), "100", Reason.QUOTE),
        (listed(status=SymbolStatus.HALT), "100", Reason.STATUS),
        (listed(status=SymbolStatus.BREAK), "100", Reason.STATUS),
        (listed(permitted=False, status=SymbolStatus.HALT), "100", Reason.PERMISSION),
        (listed(order_types=frozenset({OrderType.LIMIT})), "100", Reason.ORDER_TYPES),
        (listed("USDCUSDT"), "100", Reason.STABLE_PAIR),
        (listed(least="50"), "100", Reason.MIN_NOTIONAL),
        (listed(filters=()), "100", Reason.MIN_NOTIONAL),
        (listed("XRPUSDT"), "100", Reason.EXCLUDED),
        (listed(), "99.999", Reason.VOLUME),
        (listed(), "NaN", Reason.NO_VOLUME),
        (listed(), "Infinity", Reason.NO_VOLUME),
        (listed(), "-100", Reason.NO_VOLUME),
        (listed(), None, Reason.NO_VOLUME),
    ],
)
def test_each_reason(one: Instrument, volume: str | None, reason: Reason) -> None:
    policy = msgspec.structs.replace(POLICY, exclude=("XRP",), max_min_notional={"USDT": D(49)})
    days = {} if volume is None else {one.symbol: day(one.symbol, volume)}
    found = select((one,), days, policy)
    assert ([left.reason for left in found.left_out], chosen(found)) == ([reason], [])


def test_the_limits_themselves_pass() -> None:
    policy = msgspec.structs.replace(POLICY, max_min_notional={"USDT": D(5)})
    assert chosen(select((listed(),), {"BTCUSDT": day("BTCUSDT", "100")}, policy)) == ["BTCUSDT"]


def test_a_leveraged_token_is_told_from_a_name_that_ends_alike() -> None:
    """BTCUP is BTC's token; JUP is a coin, there being no J. Lira against a stable coin is a real market."""
    found = [listed("BTCUSDT"), listed("BTCUPUSDT"), listed("JUPUSDT"), listed("USDTTRY", "TRY")]
    days = {one.symbol: day(one.symbol, "5000") for one in found}
    selection = select(found, days, msgspec.structs.replace(POLICY, most=0))
    assert chosen(selection) == ["BTCUSDT", "JUPUSDT", "USDTTRY"]
    assert selection.left_out[0].reason is Reason.LEVERAGED


def test_rank_is_by_volume_within_each_quote_asset() -> None:
    found = [listed(f"{name}USDT") for name in "ABC"] + [listed("ATRY", "TRY")]
    days = {
        "AUSDT": day("AUSDT", "100"),
        "BUSDT": day("BUSDT", "300"),
        "CUSDT": day("CUSDT", "200"),
        "ATRY": day("ATRY", "1000"),
    }
    selection = select(found, days, POLICY)
    assert chosen(selection) == ["BUSDT", "CUSDT", "ATRY"]
    assert [(one.symbol, one.reason) for one in selection.left_out] == [("AUSDT", Reason.RANK)]


NAMES = [f"{base}{quote}" for base in "ABCDE" for quote in ("USDT", "TRY", "EUR")]
VOLUMES = st.sampled_from(["0", "99", "100", "1000", "5000", "NaN", "-1"])
LISTINGS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(SymbolStatus), VOLUMES, st.booleans()),
    unique_by=lambda row: row[0],
)
SYMBOLS = st.lists(st.sampled_from(NAMES), unique=True)


def market(
    rows: list[tuple[str, SymbolStatus, str, bool]],
) -> tuple[list[Instrument], dict[str, Day]]:
    found = [
        listed(symbol, symbol[1:], status=status, permitted=permitted)
        for symbol, status, _, permitted in rows
    ]
    return found, {symbol: day(symbol, volume) for symbol, _, volume, _ in rows}


@given(LISTINGS, st.integers(0, 3))
def test_every_instrument_is_chosen_or_left_out_for_a_reason(
    rows: list[tuple[str, SymbolStatus, str, bool]], most: int
) -> None:
    found, days = market(rows)
    selection = select(found, days, msgspec.structs.replace(POLICY, most=most))
    told = chosen(selection) + [one.symbol for one in selection.left_out]
    assert sorted(told) == sorted(one.symbol for one in found)
    assert all(one.text for one in selection.left_out)
    for one in selection.chosen:
        assert one.instrument.status is SymbolStatus.TRADING
        assert one.instrument.permitted
        assert one.day.quote_volume >= POLICY.min_volume[one.instrument.quote]
    for quote in ("USDT", "TRY"):
        volumes = [one.day.quote_volume for one in selection.chosen if one.instrument.quote == quote]
        assert volumes == sorted(volumes, reverse=True)
        assert most == 0 or len(volumes) <= most
    assert select(found[::-1], days, msgspec.structs.replace(POLICY, most=most)).chosen == selection.chosen


@given(LISTINGS, SYMBOLS, SYMBOLS, st.booleans())
def test_a_difference_leads_from_the_list_to_the_proposal(
    rows: list[tuple[str, SymbolStatus, str, bool]], current: list[str], held: list[str], drop: bool
) -> None:
    found, days = market(rows)
    known = {one.symbol: one for one in found}
    selection = select(found, days, POLICY)
    words = dict.fromkeys(held, "open orders")
    change = differ(current, {}, selection, known, words, drop_held=drop)
    removed = {one.symbol for one in change.removed}
    assert set(change.proposed) == (set(current) - removed) | set(change.added)
    assert len(set(change.proposed)) == len(change.proposed)
    assert not removed & set(chosen(selection))
    assert set(chosen(selection)) <= set(change.proposed)
    assert all(one.why for one in (*change.removed, *change.kept))
    if not drop:
        assert set(held) & set(current) <= set(change.proposed)
        assert not any(one.held for one in change.removed)
    again = differ(change.proposed, {}, selection, known, words, drop_held=drop)
    assert again.empty
    assert again.proposed == change.proposed


def test_a_changed_filter_and_status_are_told() -> None:
    was = terms(listed(least="5"))
    now = listed(least="10", status=SymbolStatus.HALT)
    change = differ(
        ["BTCUSDT"], {"BTCUSDT": was}, select((now,), {}, POLICY), {"BTCUSDT": now}, {"BTCUSDT": "1 BTC"}
    )
    assert [(one.field, one.was, one.now) for one in change.changed] == [
        ("status", "TRADING", "HALT"),
        ("min_notional", "5", "10"),
    ]
    assert not change.empty


@pytest.mark.parametrize(
    ("amount", "last", "staying", "held"),
    [
        ("0.5", "10", (), {"BTCUSDT": "0.5 BTC"}),  # worth exactly the smallest order: it can be sold
        ("0.49", "10", (), {}),
        ("0.49", "0", (), {"BTCUSDT": "0.49 BTC"}),  # no price: nothing is called dust
        ("0", "0", (), {}),
        ("7", "10", ("BTCTRY",), {}),  # sold there
    ],
)
def test_a_balance_holds_a_symbol_unless_it_is_dust(
    amount: str, last: str, staying: tuple[str, ...], held: dict[str, str]
) -> None:
    known = {"BTCUSDT": listed(), "BTCTRY": listed("BTCTRY", "TRY")}
    balance = Balance(asset="BTC", free=D(0), locked=D(amount))
    days = {"BTCUSDT": day("BTCUSDT", "1", last)}
    assert balances_held(("BTCUSDT",), staying, known, days, (balance,)) == held
