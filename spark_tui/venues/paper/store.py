"""The paper account on disk: one SQLite file, one commit a transaction, so that a kill at any instant
leaves the account as it was before or after it. As durable as the ledger, which must not know more. Ended
orders and trades stay here only; memory holds what is open."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import msgspec

from spark_tui.domain.account import Balance
from spark_tui.domain.decimals import EXACT, ZERO, plain
from spark_tui.venues.paper.cash import Cash
from spark_tui.venues.paper.journal import Journal
from spark_tui.venues.paper.levels import Level
from spark_tui.venues.paper.orders import PaperList, PaperOrder, PaperTrade, Phase
from spark_tui.venues.port import Beginning, OrderStatus

PAPER_FILE = "paper.db"
_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS balances (asset TEXT PRIMARY KEY, free TEXT NOT NULL, locked TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY, symbol TEXT NOT NULL, client_id TEXT NOT NULL, open INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS orders_by_client ON orders (symbol, client_id);
CREATE INDEX IF NOT EXISTS orders_open ON orders (id) WHERE open;
CREATE TABLE IF NOT EXISTS lists (id TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS trades (
    id INTEGER PRIMARY KEY, symbol TEXT NOT NULL, order_id INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS trades_by_symbol ON trades (symbol, id);
CREATE INDEX IF NOT EXISTS trades_by_order ON trades (order_id, id);
CREATE TABLE IF NOT EXISTS taken (
    symbol TEXT NOT NULL, bids INTEGER NOT NULL, price REAL NOT NULL, quantity TEXT NOT NULL,
    PRIMARY KEY (symbol, bids, price)
);
CREATE TABLE IF NOT EXISTS resets (last_trade INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS beginnings (
    number INTEGER PRIMARY KEY, operator TEXT NOT NULL, changes BLOB NOT NULL
);
"""

_order = msgspec.json.Decoder(PaperOrder)
_trade = msgspec.json.Decoder(PaperTrade)
_list = msgspec.json.Decoder(PaperList)
_changes = msgspec.json.Decoder(dict[str, Decimal])
_encode = msgspec.json.Encoder().encode


class PaperStoreError(Exception):
    """The file cannot be used; one sentence with the cure."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class PaperStore:
    """By one writer; the engine's lock on the data directory sees to it."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    @classmethod
    def open(cls, path: Path, start: Mapping[str, Decimal]) -> "PaperStore":
        """`start`: the balances of an account that is new. Raises PaperStoreError."""
        with _told(path):
            database = sqlite3.connect(path, isolation_level=None)
            try:
                database.execute("PRAGMA journal_mode=WAL")
                database.execute("PRAGMA synchronous=FULL")
                (version,) = database.execute("PRAGMA user_version").fetchone()
                if version not in (0, _VERSION):
                    raise PaperStoreError(
                        f"{path} was written by another version of spark-tui; use that one,"
                        " or move the file away to begin a new paper account."
                    )
                with database:
                    database.executescript(f"{_SCHEMA} PRAGMA user_version={_VERSION};")
                found = cls(database)
                if not found.balances():
                    found._begin(start)
            except BaseException:
                database.close()
                raise
        return found

    @classmethod
    def read(cls, path: Path) -> "PaperStore":
        """To look only, beside whoever writes: not a byte on the disk changes, and no file is left behind.
        Raises PaperStoreError."""
        with _told(path):
            # without a log nobody has it open, and all of it is in the file itself
            how = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "mode=ro&immutable=1"
            database = sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, isolation_level=None)
            try:
                (version,) = database.execute("PRAGMA user_version").fetchone()
                if version != _VERSION:
                    raise PaperStoreError(
                        f"{path} is no paper account of this version of spark-tui; start an engine on it"
                        " first: TRADE_MODE=paper spark-tui"
                    )
            except BaseException:
                database.close()
                raise
        return cls(database)

    def close(self) -> None:
        self._database.close()

    # --- read ----------------------------------------------------------------------------------------------

    def balances(self) -> tuple[Balance, ...]:
        rows = self._database.execute("SELECT asset, free, locked FROM balances ORDER BY asset")
        return tuple(
            Balance(asset=asset, free=Decimal(free), locked=Decimal(locked)) for asset, free, locked in rows
        )

    def open_orders(self) -> list[PaperOrder]:
        """Their place in a queue is not known any more: they stand behind whatever is shown next."""
        orders = [
            _order.decode(body)
            for (body,) in self._database.execute("SELECT body FROM orders WHERE open ORDER BY id")
        ]
        for order in orders:
            order.ahead = None
        return orders

    def lists(self) -> list[PaperList]:
        return [_list.decode(body) for (body,) in self._database.execute("SELECT body FROM lists")]

    def taken(self) -> dict[str, dict[Level, Decimal]]:
        """By symbol: what paper orders took of levels that were still shown."""
        found: dict[str, dict[Level, Decimal]] = {}
        rows = self._database.execute("SELECT symbol, bids, price, quantity FROM taken ORDER BY rowid")
        for symbol, bids, price, quantity in rows:
            found.setdefault(symbol, {})[bool(bids), price] = Decimal(quantity)
        return found

    def next_ids(self) -> tuple[int, int]:
        """Of the next order and the next trade."""
        row = self._database.execute(
            "SELECT (SELECT coalesce(max(id), 0) FROM orders), (SELECT coalesce(max(id), 0) FROM trades)"
        ).fetchone()
        return row[0] + 1, row[1] + 1

    def reset_after(self) -> int | None:
        """The last trade before the account was last begun again; None: it never was."""
        row = self._database.execute("SELECT max(last_trade) FROM resets").fetchone()
        return None if row[0] is None else int(row[0])

    def beginnings(self) -> tuple[Beginning, ...]:
        """Every time the account was begun again, and what that did to the balances; oldest first."""
        rows = self._database.execute("SELECT number, operator, changes FROM beginnings ORDER BY number")
        return tuple(
            Beginning(number=number, operator=operator, changes=_changes.decode(changes))
            for number, operator, changes in rows
        )

    def by_client_id(self, symbol: str, client_id: str) -> PaperOrder | None:
        """The newest of that id."""
        row = self._database.execute(
            "SELECT body FROM orders WHERE symbol = ? AND client_id = ? ORDER BY id DESC LIMIT 1",
            (symbol, client_id),
        ).fetchone()
        return _order.decode(row[0]) if row else None

    def by_id(self, symbol: str, order_id: int) -> PaperOrder | None:
        row = self._database.execute(
            "SELECT body FROM orders WHERE id = ? AND symbol = ?", (order_id, symbol)
        ).fetchone()
        return _order.decode(row[0]) if row else None

    def trades(
        self, symbol: str, order_id: int | None, from_id: int | None, limit: int
    ) -> tuple[PaperTrade, ...]:
        """Oldest first: from `from_id` on, else the newest `limit`."""
        wanted, values = "symbol = ?", [symbol]
        if order_id is not None:
            wanted, values = f"{wanted} AND order_id = ?", [*values, str(order_id)]
        if from_id is not None:
            rows = self._database.execute(
                f"SELECT body FROM trades WHERE {wanted} AND id >= ? ORDER BY id LIMIT ?",
                (*values, from_id, limit),
            ).fetchall()
        else:
            rows = self._database.execute(
                f"SELECT body FROM trades WHERE {wanted} ORDER BY id DESC LIMIT ?", (*values, limit)
            ).fetchall()[::-1]
        return tuple(_trade.decode(body) for (body,) in rows)

    # --- write ---------------------------------------------------------------------------------------------

    def commit(self, journal: Journal, cash: Cash) -> None:
        """All that changed, or nothing. Raises sqlite3.Error."""
        with self._transaction():
            self._write(journal, cash)

    def _write(self, journal: Journal, cash: Cash) -> None:
        self._database.executemany(
            "INSERT OR REPLACE INTO orders (id, symbol, client_id, open, body) VALUES (?, ?, ?, ?, ?)",
            (
                (one.id, one.request.symbol, one.client_id, int(one.open), _encode(one))
                for one in journal.orders.values()
            ),
        )
        self._database.executemany(
            "INSERT INTO trades (id, symbol, order_id, body) VALUES (?, ?, ?, ?)",
            ((one.id, one.symbol, one.order_id, _encode(one)) for one in journal.trades),
        )
        for list_id, found in journal.lists.items():
            if found is None:
                self._database.execute("DELETE FROM lists WHERE id = ?", (list_id,))
            else:
                self._database.execute(
                    "INSERT OR REPLACE INTO lists VALUES (?, ?)", (list_id, _encode(found))
                )
        self._write_taken(journal)
        self._write_balances(cash.balance(asset) for asset in cash.dirty)

    def _write_taken(self, journal: Journal) -> None:
        for (symbol, bids, price), quantity in journal.taken.items():
            level = (symbol, int(bids), price)
            if quantity:
                self._database.execute(
                    "INSERT OR REPLACE INTO taken VALUES (?, ?, ?, ?)", (*level, plain(quantity))
                )
            else:
                self._database.execute("DELETE FROM taken WHERE symbol = ? AND bids = ? AND price = ?", level)

    def reset(self, start: Mapping[str, Decimal], now_ms: int, operator: str) -> int:
        """Begin again with these balances: open orders are cancelled, ids go on, history stays, and what it
        did is kept for the books of the next engine. How many were cancelled. Raises sqlite3.Error."""
        before = {balance.asset: balance.total for balance in self.balances()}
        cash = Cash(self.balances())
        cash.begin_again(start)
        changes = {
            one.asset: EXACT.subtract(one.total, before.get(one.asset, ZERO)) for one in cash.balances()
        }
        changes = {asset: amount for asset, amount in changes.items() if amount}
        with self._transaction():
            self._database.execute("DELETE FROM taken")
            self._database.execute("INSERT INTO resets SELECT coalesce(max(id), 0) FROM trades")
            self._database.execute(
                "INSERT INTO beginnings (operator, changes) VALUES (?, ?)", (operator, _encode(changes))
            )
            return len(self._end_all(cash, now_ms))

    def cancel_all(self, now_ms: int) -> tuple[str, ...]:
        """Cancel every open order and give back all that is locked: nothing else locks. Their client ids.
        Raises sqlite3.Error."""
        cash = Cash(self.balances())
        for balance in cash.balances():
            cash.unlock(balance.asset, balance.locked)
        with self._transaction():
            return self._end_all(cash, now_ms)

    def _end_all(self, cash: Cash, now_ms: int) -> tuple[str, ...]:
        orders, journal = self.open_orders(), Journal("")
        for order in orders:
            order.phase, order.status, order.reserved = Phase.ENDED, OrderStatus.CANCELED, Decimal(0)
            journal.touch(order, max(order.updated_ms, now_ms))
        journal.lists = {found.id: None for found in self.lists()}
        self._write(journal, cash)
        return tuple(order.client_id for order in orders)

    def _begin(self, start: Mapping[str, Decimal]) -> None:
        """All of it or none: an account that begins with half its money would keep that for good."""
        with self._transaction():
            self._write_balances(
                Balance(asset=asset, free=amount, locked=Decimal(0)) for asset, amount in start.items()
            )

    def _write_balances(self, balances: Iterator[Balance]) -> None:
        self._database.executemany(
            "INSERT OR REPLACE INTO balances VALUES (?, ?, ?)",
            ((one.asset, plain(one.free), plain(one.locked)) for one in balances),
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:  # a full disk may have ended it already
                self._database.execute("ROLLBACK")
            raise


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, msgspec.MsgspecError, ArithmeticError) as error:
        raise PaperStoreError(
            f"The paper account {path} cannot be used ({error}); move the file away to begin a new one."
        ) from None
