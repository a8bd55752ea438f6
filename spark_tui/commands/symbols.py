"""`spark-tui symbols discover|sync|list`: what a venue lists, what of it is worth trading, and the list that
the next engine streams. No engine is needed."""

import argparse
import asyncio
import sys
import time
from pathlib import Path

from spark_tui.commands import rows
from spark_tui.commands.errors import REFUSED, USAGE, CommandError
from spark_tui.commands.reach import data_dir_of, where
from spark_tui.commands.symbols_reach import Reached, gone, held, reach, settings_of
from spark_tui.commands.symbols_words import (
    difference_row,
    difference_words,
    policy_of,
    rule_words,
    selection_rows,
    selection_words,
)
from spark_tui.domain.instrument import SymbolStatus
from spark_tui.domain.selection import Difference, Policy, Selection, differ, select, terms
from spark_tui.engine.place import StartError
from spark_tui.engine.process import require_place
from spark_tui.link.rendezvous import find_engine
from spark_tui.symbols_file import (
    SYMBOLS_FILE,
    SymbolsFile,
    SymbolsFileError,
    VenueSymbols,
    read_symbols,
    write_symbols,
)
from spark_tui.wire.clock import NS_PER_MS


def run(arguments: argparse.Namespace) -> int:
    data_dir = data_dir_of(arguments)
    try:
        synced = read_symbols(data_dir)
    except SymbolsFileError as error:
        raise CommandError(f"symbols: {error}", USAGE) from None
    if arguments.verb == "list":
        return _list(arguments, synced)
    settings = settings_of(arguments)
    before = synced.venues.get(settings.venues[0]) if synced else None
    policy = policy_of(arguments, before.policy if before else Policy())
    reached = asyncio.run(reach(settings, data_dir))
    listed = reached.listing
    selection = select(tuple(listed.instruments.values()), listed.days, policy)
    if arguments.verb == "discover":
        return _discover(arguments, reached, selection)
    return _sync(arguments, data_dir, reached, selection, policy, synced)


def _discover(arguments: argparse.Namespace, reached: Reached, selection: Selection) -> int:
    if arguments.json:
        left_out = [rows.simple(one) for one in selection.left_out]
        found = {"venue": reached.listing.venue, "environment": reached.found.environment}
        print(rows.to_json(found | {"chosen": selection_rows(selection), "left_out": left_out}))
        return 0
    for line in selection_words(selection):
        print(line)
    return 0


def _list(arguments: argparse.Namespace, synced: SymbolsFile | None) -> int:
    if synced is None:
        current = list(settings_of(arguments).symbols)
        found = [{"venue": "", "symbols": current, "whitelist": False}]
    else:
        found = [
            {"venue": name, "symbols": list(one.symbols), "whitelist": one.whitelist}
            for name, one in synced.venues.items()
        ]
    if arguments.json:
        print(rows.to_json(found))
        return 0
    for row in found:
        source = f"{row['venue']}, synced" if row["venue"] else "as configured, never synced"
        print(f"{source}: {', '.join(map(str, row['symbols']))}")  # type: ignore[call-overload]
        if row["whitelist"]:
            print("Every other symbol is refused by the rule symbols-sync.")
    return 0


def _sync(
    arguments: argparse.Namespace,
    data_dir: Path,
    reached: Reached,
    selection: Selection,
    policy: Policy,
    synced: SymbolsFile | None,
) -> int:
    venue = reached.listing.venue
    before = synced.venues.get(venue) if synced else None
    current = before.symbols if before else reached.settings.symbols
    _require_whole(data_dir, reached, selection, current)
    difference = _difference(arguments, data_dir, reached, selection, before, current)
    whitelist = arguments.whitelist
    if whitelist is None:
        whitelist = before.whitelist if before else False
    instruments = reached.listing.instruments
    after = VenueSymbols(
        symbols=difference.proposed,
        whitelist=whitelist,
        policy=policy,
        terms={one: terms(instruments[one]) for one in difference.proposed if one in instruments},
    )
    rule = rule_words(before, after)
    unwritten = VenueSymbols(symbols=current, whitelist=False, policy=Policy(), terms=after.terms)
    if after == (before or unwritten):
        return _told(arguments, difference, rule, applied=False, text="Nothing to change.")
    if not arguments.json:
        _show(difference, selection, rule, after)
        if policy != (before.policy if before else Policy()):
            print("~ these flags are remembered for the next sync")
    if not (arguments.yes or _agreed(arguments)):
        if arguments.json:
            _told(arguments, difference, rule, applied=False, text="")
        raise CommandError("symbols: nothing was changed; to apply it: --yes", USAGE)
    venues = dict(synced.venues if synced else {})
    venues[venue] = after
    try:
        write_symbols(data_dir, venues, time.time_ns() // NS_PER_MS)
    except OSError as error:
        raise CommandError(
            f"symbols: {data_dir / SYMBOLS_FILE} cannot be written: {error.strerror}."
        ) from None
    text = _applied(data_dir, after)
    return _told(arguments, difference, rule, applied=True, text=f"{text}\nThe {rule}." if rule else text)


def _difference(
    arguments: argparse.Namespace,
    data_dir: Path,
    reached: Reached,
    selection: Selection,
    before: VenueSymbols | None,
    current: tuple[str, ...],
) -> Difference:
    chosen = [one.instrument.symbol for one in selection.chosen]
    return differ(
        current,
        before.terms if before else {},
        selection,
        reached.listing.instruments,
        asyncio.run(held(reached, data_dir, gone(current, chosen), chosen)),
        drop_held=arguments.drop_held,
    )


def _require_whole(data_dir: Path, reached: Reached, selection: Selection, current: tuple[str, ...]) -> None:
    """An answer that would empty the list, or that is silent about what trades, is no reason to change it."""
    venue, listed = reached.listing.venue, reached.listing
    try:
        require_place(data_dir, reached.found.environment)
    except StartError as error:
        raise CommandError(f"symbols: {error}") from None
    if not selection.chosen:
        raise CommandError(f"symbols: nothing at {venue} fits; lower --min-volume. Nothing was changed.")
    silent = [
        symbol
        for symbol in current
        if symbol not in listed.days
        and (one := listed.instruments.get(symbol)) is not None
        and one.status is SymbolStatus.TRADING
    ]
    if silent:
        raise CommandError(
            f"symbols: {venue} told no 24-hour figures of {', '.join(silent)}; nothing changed, try again.",
            REFUSED,
        )


def _show(difference: Difference, selection: Selection, rule: str, after: VenueSymbols) -> None:
    for line in difference_words(difference, selection):
        print(line)
    if rule:
        print(f"~ {rule}")
    print(f"Then: {', '.join(after.symbols)}")


def _agreed(arguments: argparse.Namespace) -> bool:
    if arguments.json or not sys.stdin.isatty():
        return False
    try:
        return input("Apply? Type yes: ").strip().lower() == "yes"
    except EOFError:
        return False


def _applied(data_dir: Path, after: VenueSymbols) -> str:
    engine = find_engine(data_dir)
    text = f"Applied: {len(after.symbols)} symbols in {data_dir / SYMBOLS_FILE}."
    if engine is None:
        return f"{text} The next engine streams them."
    flag = where(data_dir)
    return (
        f"{text} The engine (pid {engine.pid}) goes on with the list it began with; restart it:"
        f" spark-tui stop{flag}, then spark-tui{flag}"
    )


def _told(
    arguments: argparse.Namespace, difference: Difference, rule: str, *, applied: bool, text: str
) -> int:
    if arguments.json:
        print(rows.to_json(difference_row(difference) | {"rule": rule, "applied": applied, "text": text}))
    elif text:
        print(text)
    return 0
