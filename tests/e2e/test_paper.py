"""Paper trading as an operator meets it: a real engine on the bundled simulator's market, killed, started
again, begun anew. What the exchange itself holds is asked with nothing of ours."""

import re
import signal
import threading
from decimal import Decimal
from typing import Any

from tests.e2e.processes import PATIENCE_S, Desk, Process, Simulator, wait_for

D = Decimal
START = {"BTC": D("0.5"), "TRY": D(400000), "USDT": D(10000)}
SETTINGS = '[paper]\ntaker_fee_percent = "0.04"\n[paper.balances]\nUSDT = 10000\nTRY = 400000\nBTC = "0.5"\n'
OCO = (
    *("kind=OCO", "symbol=BTCUSDT", "side=SELL", "quantity=0.01"),
    *("above.type=LIMIT_MAKER", "above.price=90000"),
    *("below.type=STOP_LOSS_LIMIT", "below.price=39900", "below.stop_price=40000"),
)
NOW = ("do", "order.submit", "symbol=BTCUSDT", "side=BUY", "type=MARKET", "quantity=0.001")


def engine(desk: Desk, sim: Simulator) -> Process:
    started = desk.engine(sim, TRADE_MODE="paper")
    wait_for(lambda: not desk.show("status")["reconciling"], "its books are compared")
    return started


def paper(desk: Desk) -> dict[str, tuple[Decimal, Decimal]]:
    """Free and locked, by asset, from the account's own file."""
    found = desk.ask("paper", "status", "--json")["balances"]
    return {one["asset"]: (D(one["free"]), D(one["locked"])) for one in found}


def opened(desk: Desk) -> set[str]:
    ended = ("FILLED", "CANCELED", "EXPIRED", "REJECTED", "DENIED", "DEAD")
    return {one["client_order_id"] for one in desk.show("orders") if one["state"] not in ended}


def conserved(desk: Desk) -> None:
    """What the account began with, and every fill the engine knows, come to what it holds, to the last digit;
    and so does the position."""
    flows = dict(START)
    held = D(0)
    fills = desk.show("fills")
    for row in fills:
        sign = 1 if row["side"] == "BUY" else -1
        quantity, price = D(row["quantity"]), D(row["price"])
        flows["BTC"] += sign * quantity
        flows["USDT"] -= sign * quantity * price
        flows[row["commission_asset"]] -= D(row["commission"])
        held += sign * quantity - (D(row["commission"]) if row["commission_asset"] == "BTC" else 0)
    assert len({row["trade_id"] for row in fills}) == len(fills) > 0
    assert {asset: free + locked for asset, (free, locked) in paper(desk).items()} == flows
    [position] = desk.show("positions")
    assert D(position["quantity"]) == held


def test_a_day_on_paper(desk: Desk) -> None:
    sim = Simulator(desk)
    config = desk.root / "config" / "spark-tui" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(SETTINGS)
    running = engine(desk, sim)
    assert desk.show("status")["environment"] == "PAPER"
    [own] = [one for one in desk.show("health")["streams"] if one["name"] == "paper account"]
    assert re.search(r"round trip \d+ ms", own["detail"])  # measured on this very line, not assumed

    taken: Any = desk.ask("do", *NOW[1:-1], "quantity=0.02")
    fees = sum(D(one["commission"]) for one in taken["fills"])
    assert (taken["state"], fees) == ("FILLED", D("0.000008"))  # 0.04 %
    resting = desk.submit()
    legs: Any = desk.ask("do", "list.submit", *OCO)["legs"]
    conserved(desk)

    before = paper(desk)
    assert opened(desk) == {resting["client_order_id"], *(leg["client_order_id"] for leg in legs)}
    running.end(signal.SIGKILL)
    assert paper(desk) == before
    running = engine(desk, sim)
    assert paper(desk) == before
    assert opened(desk) == {resting["client_order_id"], *(leg["client_order_id"] for leg in legs)}
    conserved(desk)

    done = desk.run("paper", "reset", "--yes", "--data-dir", str(desk.data))
    assert (done.returncode, "spark-tui stop" in done.stderr) == (1, True)
    assert paper(desk) == before
    assert desk.run("stop", "--data-dir", str(desk.data)).returncode == 0
    running.wait()
    assert desk.run("paper", "reset", "--data-dir", str(desk.data)).returncode == 2  # not without --yes
    done = desk.run("paper", "reset", "--yes", "--data-dir", str(desk.data))
    assert (done.returncode, "3 orders were cancelled" in done.stdout) == (0, True), done.stdout
    assert paper(desk) == {asset: (amount, D(0)) for asset, amount in START.items()}
    engine(desk, sim)
    assert opened(desk) == set()
    assert sim.orders() == []  # from beginning to end the exchange has heard of none
    desk.assert_spoken_well()


def test_a_kill_in_the_middle_of_trading_loses_no_fill(desk: Desk) -> None:
    """Orders keep coming while the engine is killed with SIGKILL, three times."""
    sim = Simulator(desk)
    config = desk.root / "config" / "spark-tui" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(SETTINGS)
    for _ in range(3):
        running = engine(desk, sim)
        over = threading.Event()

        def trade(over: threading.Event = over) -> None:
            while not over.is_set():
                desk.run(*NOW, "--data-dir", str(desk.data))

        trader = threading.Thread(target=trade)
        known = len(desk.show("fills"))
        trader.start()
        wait_for(lambda known=known: len(desk.show("fills")) > known + 1, "it trades")
        running.end(signal.SIGKILL)
        over.set()
        trader.join(PATIENCE_S)
    engine(desk, sim)
    wait_for(lambda: not opened(desk), "every order is decided")
    conserved(desk)
    assert sim.orders() == []
