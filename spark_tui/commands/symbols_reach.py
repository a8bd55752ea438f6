"""What `spark-tui symbols` asks: the venue for what it lists, and whoever knows for what is held."""

import argparse
import asyncio
import os
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from spark_tui.commands.errors import REFUSED, USAGE, CommandError
from spark_tui.commands.reach import line_to, where
from spark_tui.domain.account import Balance
from spark_tui.domain.decimals import short
from spark_tui.domain.selection import balances_held
from spark_tui.domain.values import Environment
from spark_tui.engine.exchange import discover, wanted_base
from spark_tui.link.messages import Balances, GetBalances, GetOrders, GetPositions, Orders, Positions
from spark_tui.link.rendezvous import EngineFile, find_engine
from spark_tui.link.service import LinkError
from spark_tui.settings import Settings, SettingsError, load
from spark_tui.venues.bans import Bans
from spark_tui.venues.binance.spot.account import SpotSettings
from spark_tui.venues.binance.spot.adapter import BinanceSpot
from spark_tui.venues.binance.spot.endpoints import Discovery
from spark_tui.venues.catalogue import CatalogueError, Listing, listing
from spark_tui.venues.kill_plan import PlanError, read_plan
from spark_tui.venues.port import VenueError
from spark_tui.wire.clock import SystemClock

_PATIENCE_S = 90.0  # two large answers and a pause a busy venue asks for


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    settings: Settings
    found: Discovery
    listing: Listing


def settings_of(arguments: argparse.Namespace) -> Settings:
    try:
        return load(getattr(arguments, "config", None), os.environ, {})
    except SettingsError as error:
        raise CommandError(f"symbols: {error}", USAGE) from None


async def reach(settings: Settings, data_dir: Path) -> Reached:
    """The configured exchange's catalogue, else that of the running engine. Raises CommandError."""
    try:
        found = await discover(settings, wanted_base(settings) or _bundled(data_dir))
        venue = _venue(settings, found, data_dir, key=False)
    except SettingsError as error:
        raise CommandError(f"symbols: {error}", USAGE) from None
    try:
        async with asyncio.timeout(_PATIENCE_S):
            listed = await listing(venue)
    except VenueError as error:
        raise CommandError(f"symbols: {error.text}") from None
    except CatalogueError as error:
        raise CommandError(f"symbols: {error}") from None
    except TimeoutError:
        raise CommandError(f"symbols: {venue.name} did not answer within {_PATIENCE_S:g} s.") from None
    finally:
        await venue.close()
    return Reached(settings=settings, found=found, listing=listed)


async def held(
    reached: Reached, data_dir: Path, symbols: Iterable[str], staying: Iterable[str]
) -> dict[str, str]:
    """Of `symbols`: what is open or held, in words. Raises CommandError where nobody can tell."""
    wanted, stay = tuple(symbols), tuple(staying)
    if not wanted:
        return {}
    engine = find_engine(data_dir)
    words: dict[str, list[str]] = {symbol: [] for symbol in wanted}
    try:
        _from_plan(words, data_dir, reached.listing.venue)
        if engine is not None:
            balances = await _from_engine(words, engine, reached.listing.venue)
        elif reached.found.environment is Environment.PAPER:
            raise CommandError(
                "symbols: only an engine can tell what the paper account holds; start one with:"
                f" TRADE_MODE=paper spark-tui{where(data_dir)}"
            )
        elif reached.found.credentials is None:
            balances = ()  # without a key nothing can be open
        else:
            balances = await _from_venue(words, reached, data_dir)
    except (VenueError, LinkError) as error:
        raise CommandError(f"symbols: what is held cannot be told: {error.text}", REFUSED) from None
    except PlanError as error:
        raise CommandError(f"symbols: what is held cannot be told: {error}", REFUSED) from None
    listed = reached.listing
    for symbol, text in balances_held(wanted, stay, listed.instruments, listed.days, balances).items():
        words[symbol].append(text)
    return {symbol: ", ".join(dict.fromkeys(parts)) for symbol, parts in words.items() if parts}


def gone(current: Iterable[str], chosen: Iterable[str]) -> tuple[str, ...]:
    staying = set(chosen)
    return tuple(symbol for symbol in current if symbol not in staying)


# --- inside ---------------------------------------------------------------------


def _bundled(data_dir: Path) -> str:
    """The simulator that the running engine brought along. Raises CommandError."""
    try:
        plan = read_plan(data_dir) if find_engine(data_dir) else None
    except PlanError:
        plan = None
    if plan is None or not plan.venues:
        raise CommandError(
            "symbols: no exchange is configured and no engine runs; start one with: spark-tui, or set"
            " TRADE_MODE or BINANCE_API_BASE."
        )
    return plan.venues[0].rest


def _venue(settings: Settings, found: Discovery, data_dir: Path, *, key: bool) -> BinanceSpot:
    clock = SystemClock()
    return BinanceSpot(
        found.endpoints,
        found.credentials if key else None,
        clock=clock,
        rng=random.SystemRandom(),
        settings=SpotSettings(recv_window_ms=settings.binance.recv_window_ms),
        bans=Bans(data_dir, urlsplit(found.endpoints.rest).netloc, clock),
    )


def _from_plan(words: Mapping[str, list[str]], data_dir: Path, venue: str) -> None:
    """Positions as the latest engine knew them."""
    plan = read_plan(data_dir)
    for one in plan.venues if plan else ():
        for position in one.held if one.venue == venue else ():
            if position.quantity and position.symbol in words:
                words[position.symbol].append(f"a position of {short(position.quantity)}")


async def _from_engine(words: Mapping[str, list[str]], engine: EngineFile, venue: str) -> tuple[Balance, ...]:
    async with line_to(engine, "symbols") as link:
        orders, positions, balances = [
            await link.call(one) for one in (GetOrders(open_only=True), GetPositions(), GetBalances())
        ]
    if not (
        isinstance(orders, Orders) and isinstance(positions, Positions) and isinstance(balances, Balances)
    ):
        raise LinkError("PROTOCOL", "the engine answered something else than it was asked.")
    for update in orders.rows:
        request = update.order.request
        if request.venue == venue and request.symbol in words:
            words[request.symbol].append("open orders")
    for row in positions.rows:
        this = row.position
        if this.venue == venue and this.symbol in words and this.quantity:
            words[this.symbol].append(f"a position of {short(this.quantity)}")
    return balances.rows.get(venue, ())


async def _from_venue(
    words: Mapping[str, list[str]], reached: Reached, data_dir: Path
) -> tuple[Balance, ...]:
    venue = _venue(reached.settings, reached.found, data_dir, key=True)
    try:
        for report in await venue.open_orders():
            if report.symbol in words:
                words[report.symbol].append("open orders")
        return (await venue.balances()).balances
    finally:
        await venue.close()
