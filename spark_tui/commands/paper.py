"""`spark-tui paper status|reset`: the paper account's own file, no engine."""

import argparse
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from spark_tui.commands import rows
from spark_tui.commands.errors import USAGE, CommandError
from spark_tui.commands.reach import data_dir_of, operator, where
from spark_tui.domain.decimals import short
from spark_tui.link.rendezvous import DataDirLock, RendezvousError
from spark_tui.settings import Settings, SettingsError, load
from spark_tui.venues.paper.store import PAPER_FILE, PaperStore, PaperStoreError
from spark_tui.wire.clock import NS_PER_MS


def run(arguments: argparse.Namespace) -> int:
    try:
        settings = load(getattr(arguments, "config", None), os.environ, {})
    except SettingsError as error:
        raise CommandError(str(error), USAGE) from None
    path = data_dir_of(arguments) / PAPER_FILE
    if not path.exists():
        raise CommandError(
            f"There is no paper account in {path.parent}; begin one with: TRADE_MODE=paper spark-tui"
        )
    if arguments.verb == "reset":
        return _reset(path, settings, confirmed=arguments.yes)
    with _opened(lambda: PaperStore.read(path)) as store:
        balances, orders = store.balances(), store.open_orders()
    if arguments.json:
        print(rows.to_json({"balances": [rows.simple(one) for one in balances], "open_orders": len(orders)}))
        return 0
    for balance in balances:
        print(f"{balance.asset:8} free {short(balance.free)}  locked {short(balance.locked)}")
    print(f"{len(orders)} open order{'' if len(orders) == 1 else 's'}")
    return 0


def _reset(path: Path, settings: Settings, *, confirmed: bool) -> int:
    start = settings.paper.start
    amounts = ", ".join(f"{short(amount)} {asset}" for asset, amount in start.items())
    if not confirmed:
        raise CommandError(
            f"This cancels the paper account's orders and sets its balances to {amounts};"
            " if that is what you mean, add --yes.",
            USAGE,
        )
    with _alone(path.parent), _opened(lambda: PaperStore.open(path, start)) as store:
        try:
            cancelled = store.reset(start, time.time_ns() // NS_PER_MS, operator())
        except sqlite3.Error as error:
            raise CommandError(f"The paper account {path} cannot be written: {error}.") from None
    print(f"The paper account begins again with {amounts}; {cancelled} orders were cancelled.")
    print("The next engine books that: positions are closed without gain, what was realised stays on record.")
    return 0


@contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """No engine may trade on it meanwhile. Raises CommandError."""
    try:
        lock = DataDirLock.acquire(data_dir)
    except RendezvousError:
        text = f"An engine trades on this paper account; end it first: spark-tui stop{where(data_dir)}"
        raise CommandError(text) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _opened(opening: Callable[[], PaperStore]) -> Iterator[PaperStore]:
    try:
        store = opening()
    except PaperStoreError as error:
        raise CommandError(error.text) from None
    try:
        yield store
    except (sqlite3.Error, msgspec.MsgspecError, ArithmeticError) as error:
        raise CommandError(f"The paper account cannot be read: {error}.") from None
    finally:
        store.close()
