"""The account's file, cut off anywhere: it is the account as it was after some transaction."""

import shutil
from decimal import Decimal
from pathlib import Path

from spark_tui.domain.values import Side
from spark_tui.venues.paper import PaperStore
from tests.engine.fake_venue import SYMBOL
from tests.venues.paper.market import Market, ask

D = Decimal
START = {"BTC": D(10), "USDT": D(100_000)}


def test_a_torn_file_is_an_account_of_before_in_which_everything_adds_up(tmp_path: Path) -> None:
    path = tmp_path / "paper.db"
    store = PaperStore.open(path, START)
    market = Market([(99.0, 50.0)], [(101.0, 50.0)])
    seen = []
    for number in range(12):
        market.desk.place(f"o{number}", ask(Side.BUY, "0.5", "98" if number % 3 else "101"), number)
        store.commit(market.journal, market.cash)
        market.journal.clear()
        seen.append(_account(store))
    wal = path.with_name("paper.db-wal").read_bytes()
    found = [_after_a_cut(path, tmp_path / "cut", wal[:end]) for end in range(len(wal) // 2, len(wal), 997)]
    store.close()

    order = [seen.index(one) for one in found]  # never an account that was not
    assert order == sorted(order)
    assert len(set(order)) > 2


def _after_a_cut(path: Path, folder: Path, wal: bytes) -> tuple[object, ...]:
    """What the next process would find; with every sum checked."""
    folder.mkdir(exist_ok=True)
    shutil.copy(path, folder / path.name)
    (folder / "paper.db-wal").write_bytes(wal)
    (folder / "paper.db-shm").unlink(missing_ok=True)
    store = PaperStore.open(folder / path.name, {})
    flows = dict(START)
    for trade in store.trades(SYMBOL, None, None, 100):
        flows["BTC"] += trade.quantity
        flows["USDT"] -= trade.quantity * trade.price
        flows[trade.commission_asset] -= trade.commission
    balances = {one.asset: one for one in store.balances()}
    assert {asset: one.total for asset, one in balances.items()} == flows
    assert balances["USDT"].locked == sum(one.reserved for one in store.open_orders())
    account = _account(store)
    store.close()
    return account


def _account(store: PaperStore) -> tuple[object, ...]:
    orders = tuple(order.client_id for order in store.open_orders())
    return store.balances(), orders, store.next_ids()
