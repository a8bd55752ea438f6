"""The words of `spark-tui symbols`: its flags, and how it tells a selection and a difference."""

import argparse
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec

from spark_tui.commands import rows
from spark_tui.commands.errors import USAGE, CommandError
from spark_tui.commands.table import table
from spark_tui.domain.decimals import parse, short
from spark_tui.domain.selection import Difference, Policy, Reason, Selection
from spark_tui.symbols_file import VenueSymbols

VERBS = ("discover", "sync", "list")


def fill(parser: argparse.ArgumentParser) -> None:
    flag = parser.add_argument
    flag("verb", choices=VERBS, help="look, change the list after showing what changes, or print it")
    flag("--quote", metavar="A,B", help="quote assets, e.g. USDT,TRY")
    flag("--min-volume", metavar="AMOUNTS", help="in 24 h, by quote asset: USDT=5000000,TRY=50000000")
    flag("--max-min-notional", metavar="AMOUNTS", help="leave out what has a larger smallest order")
    flag("--exclude", metavar="A,B", help="symbols or base assets never to choose")
    flag("--most", type=int, metavar="N", help="so many of each quote asset, by volume; 0: all")
    flag(
        "--whitelist",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="also let a risk rule refuse every other symbol",
    )
    flag("--drop-held", action="store_true", help="drop symbols even while something of them is held")
    flag("--yes", action="store_true", help="apply without asking")
    flag("--json", action="store_true", help="JSON instead of words")
    flag("--data-dir", type=Path, metavar="DIR", default=argparse.SUPPRESS, help="whose list it is")
    flag("--config", type=Path, metavar="FILE", default=argparse.SUPPRESS, help="TOML file with settings")


def policy_of(arguments: argparse.Namespace, remembered: Policy) -> Policy:
    """The flags over what the last sync was asked. Raises CommandError."""
    quotes = _words(arguments.quote) if arguments.quote is not None else remembered.quotes
    if not quotes:
        raise CommandError("symbols: --quote names no quote asset; write --quote USDT,TRY", USAGE)
    if arguments.most is not None and arguments.most < 0:
        raise CommandError("symbols: --most is a number of symbols, or 0 for all", USAGE)
    return msgspec.structs.replace(
        remembered,
        quotes=quotes,
        min_volume=remembered.min_volume | _amounts(arguments.min_volume, quotes, "--min-volume"),
        max_min_notional=remembered.max_min_notional
        | _amounts(arguments.max_min_notional, quotes, "--max-min-notional"),
        exclude=_words(arguments.exclude) if arguments.exclude is not None else remembered.exclude,
        most=remembered.most if arguments.most is None else arguments.most,
    )


def selection_rows(selection: Selection) -> list[rows.Row]:
    return [
        {
            "symbol": one.instrument.symbol,
            "quote": one.instrument.quote,
            "quote_volume": one.day.quote_volume,
            "last": one.day.last,
        }
        for one in selection.chosen
    ]


def selection_words(selection: Selection) -> Iterator[str]:
    """What was chosen; then why not, each reason on one line where a venue lists hundreds."""
    columns = ["symbol", "quote", "quote_volume", "last"]
    yield table(columns, selection_rows(selection), "Nothing fits.")
    quiet = (Reason.QUOTE, Reason.STATUS, Reason.VOLUME)
    for reason, count in sorted(Counter(one.reason for one in selection.left_out).items()):
        found = [one for one in selection.left_out if one.reason is reason]
        if reason in quiet and count > 12:
            yield f"Left out for {reason}: {count}"
        else:
            yield from (f"Left out: {one.symbol} {one.text}" for one in found)


def difference_row(difference: Difference) -> rows.Row:
    return {
        "proposed": list(difference.proposed),
        "added": list(difference.added),
        "removed": [rows.simple(one) for one in difference.removed],
        "kept": [rows.simple(one) for one in difference.kept],
        "changed": [rows.simple(one) for one in difference.changed],
    }


def difference_words(difference: Difference, selection: Selection) -> Iterator[str]:
    days = {one.instrument.symbol: one for one in selection.chosen}
    for symbol in difference.added:
        one = days[symbol]
        yield f"+ {symbol}  {short(one.day.quote_volume)} {one.instrument.quote} in 24 h"
    for gone in difference.removed:
        yield f"- {gone.symbol}  {gone.why}" + (f"; HELD: {gone.held}" if gone.held else "")
    for kept in difference.kept:
        yield f"= {kept.symbol}  stays, held: {kept.held}; {kept.why}. To drop it all the same: --drop-held"
    for change in difference.changed:
        yield f"~ {change.symbol}  {change.field.replace('_', ' ')} {change.was} -> {change.now}"


def rule_words(before: VenueSymbols | None, after: VenueSymbols) -> str:
    """What becomes of the rule of the list; empty where it stays as it is. An engine that runs has its rules
    from when it started."""
    had = before is not None and before.whitelist
    if after.whitelist:
        if had and before is not None and before.symbols == after.symbols:
            return ""
        listed = ", ".join(after.symbols)
        return (
            f"rule symbols-sync refuses every order in another symbol than {listed},"
            " from the engine's next start"
        )
    return "rule symbols-sync goes, with the engine's next start" if had else ""


# --- inside ---------------------------------------------------------------------


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.upper().replace(",", " ").split()))


def _amounts(text: str | None, quotes: tuple[str, ...], flag: str) -> dict[str, Decimal]:
    """`USDT=10,TRY=400`, or one amount where there is one quote asset."""
    found: dict[str, Decimal] = {}
    for word in (text or "").replace(",", " ").split():
        name, equals, amount = word.partition("=")
        if not equals and len(quotes) == 1:
            name, amount = quotes[0], word
        try:
            value = parse(amount)
        except ValueError:
            value = Decimal(-1)
        if not name or value < 0:
            raise CommandError(f"symbols: {flag} {word!r}: write {flag} {quotes[0]}=1000000", USAGE)
        found[name.upper()] = value
    return found
