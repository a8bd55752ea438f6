"""The account's file, cut off anywhere: it is the account as it was after some transaction."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from spark_tui.domain.values import Side
from spark_tui.venues.paper import PaperStore, PaperStoreError
from tests.engine.fake_venue import SYMBOL
from tests.venues.paper.market import Market, ask

D = Decimal
START = {"BTC": D(10), "USDT": D(100_000)}
LAST = 3  # transactions whose every byte is cut


@pytest.fixture
def small_pages(tmp_path: Path) -> Path:
    """A file whose pages are small, so that most of the log's bytes are the records'."""
    path = tmp_path / "running" / "paper.db"
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.executescript("PRAGMA page_size=512; VACUUM")
    connection.close()
    return path


def test_a_log_cut_at_any_byte_of_the_last_transactions_is_an_account_that_was(small_pages: Path) -> None:
    """Of a kill -9 or a power cut: no account that never was, no sum that does not add up."""
    store = PaperStore.open(small_pages, START)
    market = Market([(99.0, 50.0)], [(101.0, 50.0)])
    seen, sizes = [], []
    log = small_pages.with_name("paper.db-wal")
    for number in range(6):
        market.desk.place(f"o{number}", ask(Side.BUY, "0.5", "98" if number % 2 else "101"), number)
        store.commit(market.journal, market.cash)
        market.journal.clear()
        seen.append(_account(store))
        sizes.append(log.stat().st_size)
    whole = log.read_bytes()
    cut = small_pages.parent.parent / "cut" / "paper.db"
    cut.parent.mkdir()
    left = {}  # how many orders are left, by the log's length
    shutil.copy(small_pages, cut)
    cut_log = cut.with_name("paper.db-wal")
    cut_log.write_bytes(whole)
    for end in range(len(whole), sizes[-1 - LAST] - 1, -1):
        os.truncate(cut_log, end)
        left[end] = _orders(cut)
    assert left == {end: sum(size <= end for size in sizes) for end in left}
    for number in range(len(seen) - 1 - LAST, len(seen)):  # whole, and short of the next by one byte
        for end in (sizes[number], sizes[min(number + 1, len(seen) - 1)] - 1):
            if end >= sizes[number]:
                shutil.copy(small_pages, cut)
                cut_log.write_bytes(whole[:end])
                cut.with_name("paper.db-shm").unlink(missing_ok=True)
                assert _read(cut) == seen[number]
    store.close()


def test_every_commit_reaches_the_disk_before_anybody_hears_of_it(tmp_path: Path) -> None:
    """The ledger writes through; what it heard of the account must not be younger than the account."""
    store = PaperStore.open(tmp_path / "paper.db", START)
    modes = [
        store._database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
    ]
    store.close()
    assert modes == ["wal", 2]  # 2: FULL


def test_an_account_begins_with_all_its_money_or_not_at_all(small_pages: Path) -> None:
    store = PaperStore.open(small_pages, START)
    log = small_pages.with_name("paper.db-wal").read_bytes()
    base = small_pages.read_bytes()
    store.close()
    cut = small_pages.parent.parent / "cut" / "paper.db"
    cut.parent.mkdir()
    found = set()
    for end in range(0, len(log) + 1, 509):
        cut.write_bytes(base)
        cut.with_name("paper.db-wal").write_bytes(log[:end])
        cut.with_name("paper.db-shm").unlink(missing_ok=True)
        later = PaperStore.open(cut, START)  # the next start, with the settings it had
        found.add(later.balances())
        later.close()
    assert [{one.asset: one.free for one in balances} for balances in found] == [START]


def test_a_disk_that_is_full_in_the_middle_of_a_commit_keeps_the_account_of_before(tmp_path: Path) -> None:
    """A real SQLITE_FULL: the error is told as it is, and with room again everything is written."""
    store = PaperStore.open(tmp_path / "paper.db", START)
    market = Market([(99.0, 50.0)], [(101.0, 50.0)])
    before = _account(store)
    for number in range(200):
        market.desk.place(f"o{number}", ask(Side.BUY, "0.5", "98"), number)
    (pages,) = store._database.execute("PRAGMA page_count").fetchone()
    store._database.execute(f"PRAGMA max_page_count={pages + 4}")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        store.commit(market.journal, market.cash)
    assert _account(store) == before
    store._database.execute("PRAGMA max_page_count=100000")
    store.commit(market.journal, market.cash)
    assert len(store.open_orders()) == 200
    store.close()


@pytest.mark.parametrize("statement", ["COMMIT", "INSERT"])
def test_a_transaction_that_fails_is_over(tmp_path: Path, statement: str) -> None:
    """Whichever statement the disk refuses: the next commit begins a transaction of its own."""
    store = PaperStore.open(tmp_path / "paper.db", START)
    market = Market([(99.0, 50.0)], [(101.0, 50.0)])
    market.desk.place("o", ask(Side.BUY, "0.5", "98"), 1)
    refusing = _Refusing(store._database, statement)
    store._database = refusing  # type: ignore[assignment]
    with pytest.raises(sqlite3.OperationalError, match="no room"):
        store.commit(market.journal, market.cash)
    refusing.statement = "nothing"
    store.commit(market.journal, market.cash)
    assert [order.client_id for order in store.open_orders()] == ["o"]
    store.close()


class _Refusing:
    """A connection on which one kind of statement fails as on a full disk."""

    def __init__(self, database: sqlite3.Connection, statement: str) -> None:
        self._database = database
        self.statement = statement

    def __getattr__(self, name: str) -> object:
        return getattr(self._database, name)

    def execute(self, sql: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        self._refuse(sql)
        return self._database.execute(sql, values)

    def executemany(self, sql: str, rows: Iterator[tuple[object, ...]]) -> sqlite3.Cursor:
        self._refuse(sql)
        return self._database.executemany(sql, rows)

    def _refuse(self, sql: str) -> None:
        if sql.startswith(self.statement):
            raise sqlite3.OperationalError("no room")


def test_an_order_of_a_file_from_before_can_be_cancelled(tmp_path: Path) -> None:
    """Orders did not say what they lock."""
    market = Market([(99.0, 50.0)], [(101.0, 50.0)])
    order = market.desk.place("o", ask(Side.BUY, "0.5", "98"), 1)
    order.asset = ""
    market.desk.cancel(SYMBOL, "o", 2)
    assert (market.cash.free("USDT"), market.cash.locked("USDT")) == (D(100_000), D(0))
    assert "" not in {one.asset for one in market.cash.balances()}


def _orders(path: Path) -> int:
    """What SQLite makes of the log, with nothing remembered of an earlier look."""
    path.with_name("paper.db-shm").unlink(missing_ok=True)
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return int(connection.execute("SELECT count(*) FROM orders").fetchone()[0])
    finally:
        connection.close()


def _read(path: Path) -> tuple[object, ...]:
    """What the next process would find; with every sum checked."""
    store = PaperStore.open(path, {})
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
    orders = tuple((order.client_id, order.filled, order.reserved) for order in store.open_orders())
    return store.balances(), orders, store.next_ids()


def test_whoever_only_looks_changes_nothing_on_the_disk(tmp_path: Path) -> None:
    """Beside a writer, after it, and on a directory that takes no file."""
    path = tmp_path / "paper.db"
    store = PaperStore.open(path, START)
    seen = PaperStore.read(path)
    assert {one.asset: one.free for one in seen.balances()} == START
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        seen.reset(START, 1, "me")
    seen.close()
    store.close()
    before = path.read_bytes()
    tmp_path.chmod(0o500)
    try:
        seen = PaperStore.read(path)
        assert seen.open_orders() == []
        seen.close()
    finally:
        tmp_path.chmod(0o700)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 100])
def test_what_is_no_account_is_one_sentence_to_whoever_looks(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "paper.db"
    path.write_bytes(content)
    with pytest.raises(PaperStoreError):
        PaperStore.read(path)
    assert path.read_bytes() == content
