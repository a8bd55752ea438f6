"""The exit code of `do`: what a script may conclude from it."""

import json
from decimal import Decimal

import pytest

from spark_tui.commands import do, parser
from spark_tui.commands.errors import CommandError
from spark_tui.domain.order import Order, OrderRequest, OrderState
from spark_tui.domain.values import ListKind, OrderType, Side
from spark_tui.link.messages import OrderList, OrderUpdate, Result
from spark_tui.link.service import LinkError

SUBMIT = ["do", "order.submit", "symbol=BTCUSDT", "side=BUY", "type=MARKET", "quantity=1"]


def update(state: OrderState, client_order_id: str = "sp1-1") -> OrderUpdate:
    request = OrderRequest(
        venue="sim", symbol="BTCUSDT", side=Side.BUY, type=OrderType.MARKET, quantity=Decimal(1)
    )
    order = Order(client_order_id=client_order_id, request=request, state=state, created_ms=1, updated_ms=1)
    return OrderUpdate(order=order)


def exit_code(monkeypatch: pytest.MonkeyPatch, result: Result) -> int:
    async def answer(*_: object) -> Result:
        return result

    monkeypatch.setattr(do, "_answer", answer)
    return do.run(parser.parse(SUBMIT))


@pytest.mark.parametrize("state", OrderState)
def test_an_order_ends_the_command_by_what_is_known_of_it(
    state: OrderState, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = {OrderState.DENIED, OrderState.REJECTED, OrderState.DEAD}
    lost = {OrderState.UNKNOWN, OrderState.PENDING_REPLACE}

    assert exit_code(monkeypatch, update(state)) == (1 if state in refused else 3 if state in lost else 0)

    printed = capsys.readouterr()
    assert json.loads(printed.out)["state"] == state
    assert bool(printed.err) == (state in refused | lost)
    if state in lost:
        assert "sp1-1" in printed.err
        assert "do not send it again" in printed.err


@pytest.mark.parametrize(
    ("code", "ends_with"), [("CANCEL_UNKNOWN", 3), ("NO_ANSWER", 3), ("CANCEL_REFUSED", 1), ("NOT_OPEN", 1)]
)
def test_an_error_ends_the_command_by_what_is_known(
    code: str, ends_with: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A cancel of an order placed elsewhere has no order of ours to be UNKNOWN."""

    async def refuse(*_: object) -> Result:
        raise LinkError(code, "Not known yet.")

    monkeypatch.setattr(do, "_answer", refuse)
    with pytest.raises(CommandError) as failed:
        do.run(parser.parse(SUBMIT))
    assert failed.value.exit_code == ends_with
    assert json.loads(capsys.readouterr().out)["error"] == code


def test_one_leg_nobody_knows_leaves_the_list_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    legs = (update(OrderState.REJECTED), update(OrderState.UNKNOWN, "sp1-2"))

    assert exit_code(monkeypatch, OrderList(list_id="sp1-L", kind=ListKind.OCO, legs=legs)) == 3
