"""What survives a restart with `--data-dir`: key, balances, orders, fills, ids, and where prices stood.

One JSON file, replaced atomically. A saver compares a change counter, so a quiet venue writes nothing.
"""

import os
from pathlib import Path

import msgspec

from spark_tui.simulator.accounts import Balance
from spark_tui.simulator.order_lists import OrderList
from spark_tui.simulator.orders import Fill, Order
from spark_tui.simulator.simulation import Mark, Simulation

_FORM = 1
_ENDED_KEPT = 500
_FILLS_KEPT = 1_000
_LISTS_KEPT = 250


class StateError(Exception):
    """The saved state cannot be used; the text says why and what to do."""


class Saved(msgspec.Struct, kw_only=True):
    """The file's content. Ids continue from here, so nothing is ever numbered twice."""

    form: int
    api_key: str
    api_secret: str
    ed25519_api_key: str
    balances: dict[str, Balance]
    orders: list[Order]
    lists: list[OrderList] = []
    list_id: int = 0
    fills: list[Fill]
    order_ids: dict[str, int]
    execution_id: int
    match_id: int
    marks: dict[str, Mark]

    def __repr__(self) -> str:
        return f"Saved(form={self.form})"


class StateFile:
    """The saved state of one data directory. One simulator at a time may hold it."""

    def __init__(self, folder: Path) -> None:
        """StateError when the folder cannot be made or another simulator holds it."""
        self._path = folder / "simulator.json"
        self._saved_changes = -1
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(folder / "simulator.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StateError(f"{folder} cannot be used ({error.strerror})") from None
        _hold(self._lock, folder)

    def load(self) -> Saved | None:
        """The saved state; None on a first start."""
        try:
            raw = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(f"{self._path} cannot be read ({error.strerror})") from None
        try:
            saved = msgspec.json.decode(raw, type=Saved)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise StateError(f"{self._path} is damaged ({error}); move it away to start afresh") from None
        if saved.form != _FORM:
            raise StateError(f"{self._path} was written by another version; move it away to start afresh")
        return saved

    def due(self, simulation: Simulation) -> bool:
        return simulation.exchange.changes != self._saved_changes

    def encode(self, simulation: Simulation, *, api_key: str, api_secret: str, ed25519_api_key: str) -> bytes:
        """The state as of now; taken on the loop, written wherever the caller likes."""
        exchange = simulation.exchange
        self._saved_changes = exchange.changes
        store = exchange.stores[simulation.operator.uid]
        orders = list(store.all())
        ended = [order for order in orders if not order.open][-_ENDED_KEPT:]
        lists = exchange.lists[simulation.operator.uid]
        done = [found for found in lists.all() if not found.executing]
        return msgspec.json.encode(
            Saved(
                form=_FORM,
                api_key=api_key,
                api_secret=api_secret,
                ed25519_api_key=ed25519_api_key,
                balances=simulation.operator.balances,
                orders=[*ended, *store.open()],
                lists=[*done[-_LISTS_KEPT:], *lists.executing()],
                list_id=exchange.list_id,
                fills=list(store.fills)[-_FILLS_KEPT:],
                order_ids=dict(exchange.order_ids),
                execution_id=exchange.journal.execution_id,
                match_id=exchange.clearing.match_id,
                marks=simulation.marks(),
            )
        )

    def write(self, raw: bytes) -> None:
        """Replace the file in one step; OSError when the disk refuses."""
        beside = self._path.with_suffix(".part")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(raw)
        beside.replace(self._path)


def _hold(lock: int, folder: Path) -> None:
    """Take the folder for this process; the operating system lets go when it ends, however it ends."""
    try:
        import fcntl
    except ImportError:  # not a POSIX system: no lock to take
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise StateError(f"another simulator uses {folder}; stop it or choose another --data-dir") from None


def restore(simulation: Simulation, saved: Saved) -> None:
    """Put saved balances, orders and ids into a freshly populated simulation; StateError when an open order's
    symbol is not listed in it."""
    exchange, account = simulation.exchange, simulation.operator
    homeless = {order.symbol for order in saved.orders if order.open} - exchange.markets.keys()
    if homeless:
        names = ", ".join(sorted(homeless))
        raise StateError(
            f"the saved account has open orders in {names}, not listed now; choose another --data-dir"
        )
    account.balances = dict(saved.balances)
    exchange.order_ids.update(saved.order_ids)
    exchange.journal.execution_id = saved.execution_id
    exchange.clearing.match_id = saved.match_id
    for order in sorted(saved.orders, key=lambda order: order.created_ms):
        exchange.restore(order)
    exchange.stores[account.uid].fills.extend(saved.fills)
    exchange.list_id = saved.list_id
    for found in saved.lists:
        exchange.lists[account.uid].add(found)
