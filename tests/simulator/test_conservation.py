"""Whatever is placed, amended, canceled and traded, every unit of every asset stays accounted for."""

import contextlib
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from spark_tui.simulator.accounts import Account
from spark_tui.simulator.errors import ApiError
from spark_tui.simulator.fixed import SCALE
from spark_tui.simulator.matching import SelfTrade
from spark_tui.simulator.order_lists import NewList
from spark_tui.simulator.orders import MARKET_LIKE, STOPS, NewOrder
from tests.simulator.rig import Rig

ASSETS = ("BTC", "USDT")
KINDS = (
    "LIMIT", "LIMIT", "IOC", "FOK", "LIMIT_MAKER", "MARKET", "QUOTE", "ICEBERG", "STOP_LOSS",
    "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT", "TRAILING",
)  # fmt: skip
PRICE = st.integers(66_990, 67_010)
STEP = st.fixed_dictionaries(
    {
        "who": st.sampled_from(["operator", "other"]),
        "does": st.sampled_from(
            ["order", "order", "OCO", "OTO", "OTOCO", "crowd", "crowd", "amend", "cancel"]
        ),
        "buy": st.booleans(),
        "kind": st.sampled_from(KINDS),
        "price": PRICE,
        "near": st.integers(1, 8),
        "quantity": st.integers(1, 400),
        "mode": st.sampled_from(list(SelfTrade)),
    }
)


def order_of(step: dict[str, Any], client_id: str, **other: Any) -> NewOrder:
    """A single order; `other` replaces parts of the step."""
    step = step | other
    kind, quantity, price = step["kind"], step["quantity"] * SCALE // 1_000, step["price"] * SCALE
    name = {
        "IOC": "LIMIT",
        "FOK": "LIMIT",
        "ICEBERG": "LIMIT",
        "QUOTE": "MARKET",
        "TRAILING": "STOP_LOSS",
    }.get(kind, kind)
    return NewOrder(
        symbol="BTCUSDT",
        buy=step["buy"],
        type=name,
        time_in_force=kind if kind in ("IOC", "FOK") else "GTC",
        quantity=0 if kind == "QUOTE" else quantity,
        quote_quantity=quantity * 67_000 if kind == "QUOTE" else 0,
        price=0 if name in MARKET_LIKE else price,
        stop_price=price if name in STOPS and kind != "TRAILING" else 0,
        trailing_delta=10 if kind == "TRAILING" else 0,
        iceberg=max(SCALE // 1_000, quantity // 7) // 1_000 * 1_000 if kind == "ICEBERG" else 0,
        client_id=client_id,
        response="FULL",
        self_trade=SelfTrade(step["mode"]),
    )


def list_of(step: dict[str, Any], name: str) -> NewList:
    """A list around the step's price; whether the venue takes it is the venue's business."""
    sell = not step["buy"]
    above, below = step["price"] + step["near"], step["price"] - step["near"]
    exits = ("LIMIT_MAKER", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")[step["near"] % 3]
    stops = ("STOP_LOSS", "STOP_LOSS_LIMIT")[step["near"] % 2]
    pair = (
        order_of(step, f"{name}a", kind=exits if sell else stops, price=above),
        order_of(step, f"{name}b", kind=stops if sell else exits, price=below),
    )
    if step["does"] == "OCO":
        return NewList(symbol="BTCUSDT", client_id=name, response="FULL", pair=pair)
    kind = step["kind"] if step["kind"] in ("LIMIT", "IOC", "FOK", "LIMIT_MAKER", "ICEBERG") else "LIMIT"
    working = order_of(step, f"{name}w", kind=kind, buy=sell)
    if step["does"] == "OTOCO":
        return NewList(symbol="BTCUSDT", client_id=name, response="FULL", working=working, pair=pair)
    pending = order_of(step, f"{name}p", kind="MARKET" if step["kind"] == "QUOTE" else step["kind"])
    return NewList(symbol="BTCUSDT", client_id=name, response="FULL", working=working, pending=pending)


def take_step(rig: Rig, account: Account, step: dict[str, Any], number: int) -> None:
    """What is refused changes nothing, so refusals are steps like any other."""
    opened = rig.exchange.stores[account.uid].open()
    chosen = opened[step["near"] % len(opened)] if opened else None
    if step["does"] == "crowd":
        side, quantity = "BUY" if step["buy"] else "SELL", str(Decimal(step["quantity"]) / 1_000)
        rig.hit(side, str(step["price"]), quantity)
        rig.quote(side, str(67_020 if side == "SELL" else 66_980), quantity)
    elif step["does"] == "cancel" and chosen is not None:
        rig.exchange.cancel(account, chosen, rig.now_ms, request_id="x")
    elif step["does"] == "amend" and chosen is not None:
        quantity = chosen.quantity * step["near"] // 8 // 1_000 * 1_000
        rig.exchange.amend(account, chosen, quantity, f"m{number}", rig.now_ms)
    elif step["does"] == "order":
        rig.exchange.place(account, order_of(step, f"c{number}"), rig.now_ms)
    elif step["does"] in ("OCO", "OTO", "OTOCO"):
        rig.exchange.place_list(account, list_of(step, f"l{number}"), rig.now_ms)


@given(st.lists(STEP, max_size=40))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_money_is_conserved_and_locks_are_open_orders_and_lists(steps: list[dict[str, Any]]) -> None:
    rig = Rig()
    rig.ladder()
    other = Account(2)
    rig.exchange.open_account(other)
    other.balance("BTC").free = 5 * SCALE
    other.balance("USDT").free = 200_000 * SCALE
    totals = {asset: rig.exchange.clearing.total(asset) for asset in ASSETS}
    for number, step in enumerate(steps):
        with contextlib.suppress(ApiError):
            take_step(rig, rig.account if step["who"] == "operator" else other, step, number)
        rig.check_books()
        check_lists(rig)
        assert {asset: rig.exchange.clearing.total(asset) for asset in ASSETS} == totals
    for uid, store in rig.exchange.stores.items():
        for order in store.all():
            fills = [fill for fill in store.fills if fill.order_id == order.id]
            assert sum(fill.quantity for fill in fills) == order.filled, uid
            assert sum(fill.quote for fill in fills) == order.filled_quote
            assert order.filled + order.prevented <= order.quantity
            assert order.status != "FILLED" or order.filled == order.quantity


def check_lists(rig: Rig) -> None:
    """An executing list has at least two open legs and of its pair none has traded; one that is done leaves
    at most one order open and none pending; no pair ever trades on both legs."""
    for store in rig.exchange.lists.values():
        for found in store.all():
            legs = rig.exchange.legs(found)
            working = next((leg for leg in legs if leg.id == found.working_id), None)
            rest = [leg for leg in legs if leg is not working]
            opened = [leg for leg in legs if leg.open]
            if found.executing:
                assert len(opened) >= 2
                assert not any(leg.filled for leg in rest if leg.open)
                assert all((leg.status == "PENDING_NEW") == (working is not None) for leg in rest if leg.open)
            else:
                assert len(opened) <= 1
                assert not any(leg.status == "PENDING_NEW" for leg in legs)
            if found.contingency == "OCO" or len(found.order_ids) == 3:
                assert sum(leg.filled > 0 for leg in legs[-2:]) <= 1
