"""The kill on a paper account: its open orders are rows of a file on this machine, not orders at a host."""

import sqlite3
from pathlib import Path

import msgspec

from spark_tui.domain.decimals import ZERO
from spark_tui.link.rendezvous import DataDirLock, EngineRuns, RendezvousError
from spark_tui.rescue.flatten import Residue
from spark_tui.rescue.positions import held_now
from spark_tui.venues.kill_plan import Held, VenuePlan
from spark_tui.venues.paper import PAPER_FILE, PaperStore, PaperStoreError
from spark_tui.venues.paper.journal import trade_report_of
from spark_tui.venues.port import TradeReport
from spark_tui.venues.sweep import Sweep
from spark_tui.wire.clock import NS_PER_MS, Clock

_OPEN = "not closed: a paper position needs the market; start an engine, resume and close it there"


def sweep_paper(data_dir: Path, clock: Clock, engine: str) -> Sweep:
    """Cancel what is open. An engine that answered has done it and owns the file: then it is only read. One
    that hangs is held still meanwhile and ended afterwards, so that nothing of it is written any more."""
    path = data_dir / PAPER_FILE
    if not path.exists():
        return Sweep()
    lock = None
    try:
        if engine == "none":
            lock = DataDirLock.keep_engines_out(data_dir)  # another kill may do the same
        answered = engine == "answered"
        store = PaperStore.read(path) if answered else PaperStore.open(path, {})
        try:
            canceled = () if answered else store.cancel_all(clock.wall_ns() // NS_PER_MS)
            left = tuple(order.client_id for order in store.open_orders())
        finally:
            store.close()
    except PaperStoreError as error:
        return Sweep(errors=(error.text,), known=False)
    except sqlite3.Error as error:
        text = f"The paper account {path} cannot be written ({error}); kill again."
        return Sweep(errors=(text,), known=False)
    except EngineRuns:
        text = "An engine has just started on the paper account; kill again."
        return Sweep(errors=(text,), known=False)
    except RendezvousError as error:
        return Sweep(errors=(str(error),), known=False)
    finally:
        if lock is not None:
            lock.release()
    errors = (f"{len(left)} paper orders are still open.",) if left else ()
    return Sweep(canceled=canceled, left=left, errors=errors)


class _FileTrades:
    """Implements positions.Trades over the account's file."""

    def __init__(self, name: str, store: PaperStore) -> None:
        self.name = name
        self._store = store

    async def trades(
        self, symbol: str, *, venue_order_id: str | None = None, from_id: int | None = None, limit: int = 500
    ) -> tuple[TradeReport, ...]:
        order_id = None if venue_order_id is None else int(venue_order_id)
        found = self._store.trades(symbol, order_id, from_id, limit)
        return tuple(trade_report_of(self.name, trade) for trade in found)


async def paper_residue(data_dir: Path, plan: VenuePlan) -> tuple[Residue, ...]:
    """No price, no trade: what is held stays held. Raises PaperStoreError, sqlite3.Error."""
    path = data_dir / PAPER_FILE
    if not path.exists():
        return ()
    store = PaperStore.read(path)
    try:
        account = _FileTrades(plan.venue, store)
        reset_after = store.reset_after()
        held = [await held_now(account, _since(one, reset_after)) for one in plan.held]
    finally:
        store.close()
    return tuple(
        Residue(venue=plan.venue, symbol=one.symbol, quantity=one.quantity, dust=False, text=_OPEN)
        for one in held
        if one.quantity
    )


def _since(held: Held, reset_after: int | None) -> Held:
    """An account that was begun again holds nothing of what it traded before."""
    if reset_after is None:
        return held
    return msgspec.structs.replace(held, quantity=ZERO, counted_to=reset_after, counted=())
