"""Which instruments of one venue are worth watching and trading: chosen by a policy, each refusal with its
reason; and what a new choice changes. Pure, and the same for every venue."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum

import msgspec

from spark_tui.domain.account import Balance
from spark_tui.domain.decimals import ZERO, multiply, plain, short, usable
from spark_tui.domain.instrument import (
    Instrument,
    LotSize,
    MinNotional,
    Notional,
    PriceFilter,
    SymbolStatus,
)
from spark_tui.domain.values import OrderType

STABLES = frozenset(
    ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "USDP", "DAI", "USDE", "USD1", "PYUSD", "RLUSD", "XUSD", "USDS")
)
MIN_VOLUME = {"USDT": Decimal(5_000_000), "TRY": Decimal(50_000_000)}
_LEVERAGED = ("UP", "DOWN", "BULL", "BEAR")


class Reason(StrEnum):
    """Why an instrument is left out."""

    QUOTE = "quote"
    EXCLUDED = "excluded"
    STATUS = "status"
    PERMISSION = "permission"
    ORDER_TYPES = "order types"
    STABLE_PAIR = "stable pair"
    LEVERAGED = "leveraged token"
    MIN_NOTIONAL = "min notional"
    NO_VOLUME = "no volume"
    VOLUME = "volume"
    RANK = "rank"


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """The last 24 hours of one instrument. `last` 0: it has not traded."""

    symbol: str
    quote_volume: Decimal
    last: Decimal


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted. Money by quote asset, and in it; a quote asset without an entry has no such limit.
    `exclude`: symbols or base assets. `most`: by volume, of each quote asset; 0: all."""

    quotes: tuple[str, ...] = ("USDT", "TRY")
    min_volume: dict[str, Decimal] = msgspec.field(default_factory=lambda: dict(MIN_VOLUME))
    max_min_notional: dict[str, Decimal] = {}
    order_types: tuple[OrderType, ...] = (OrderType.LIMIT, OrderType.MARKET)
    exclude: tuple[str, ...] = ()
    most: int = 20


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    instrument: Instrument
    day: Day


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    symbol: str
    quote: str
    reason: Reason
    text: str


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """`chosen` by quote asset as the policy names them, then by volume."""

    chosen: tuple[Chosen, ...]
    left_out: tuple[LeftOut, ...]


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What of an instrument an operator should hear about when it changes. None: the venue sets none."""

    status: SymbolStatus
    tick: Decimal | None = None
    step: Decimal | None = None
    min_notional: Decimal | None = None


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """`held`: what of it is still held or open; empty: nothing."""

    symbol: str
    why: str
    held: str = ""


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    symbol: str
    field: str
    was: str
    now: str


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """From the list in force to `proposed`. `kept` left the selection and stay, being held."""

    proposed: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[Removed, ...]
    kept: tuple[Removed, ...]
    changed: tuple[Changed, ...]

    @property
    def empty(self) -> bool:
        return not (self.added or self.removed or self.changed)


def select(instruments: Sequence[Instrument], days: Mapping[str, Day], policy: Policy) -> Selection:
    """Every instrument is in exactly one half of the answer."""
    bases = {one.base for one in instruments}
    left_out: list[LeftOut] = []
    ranked: dict[str, list[Chosen]] = {quote: [] for quote in policy.quotes}
    for one in instruments:
        day = days.get(one.symbol)
        refusal = _unfit(one, bases, policy) or _too_quiet(one, day, policy)
        if refusal is not None:
            left_out.append(_left_out(one, *refusal))
        elif day is not None:
            ranked[one.quote].append(Chosen(instrument=one, day=day))
    chosen: list[Chosen] = []
    for quote, found in ranked.items():
        found.sort(key=lambda one: (-one.day.quote_volume, one.instrument.symbol))
        most = policy.most or len(found)
        chosen += found[:most]
        text = f"not among the {most} with the most volume in {quote}"
        left_out += (_left_out(one.instrument, Reason.RANK, text) for one in found[most:])
    return Selection(chosen=tuple(chosen), left_out=tuple(left_out))


def terms(instrument: Instrument) -> Terms:
    filters = instrument.filters
    return Terms(
        status=instrument.status,
        tick=next((one.tick_size for one in filters if isinstance(one, PriceFilter)), None),
        step=next((one.step_size for one in filters if isinstance(one, LotSize)), None),
        min_notional=_min_notional(instrument),
    )


def differ(
    current: Sequence[str],
    known: Mapping[str, Terms],
    selection: Selection,
    instruments: Mapping[str, Instrument],
    held: Mapping[str, str],
    *,
    drop_held: bool = False,
) -> Difference:
    """`known`: terms as they were. `held`: by symbol, what of it is held or open. Symbols that stay keep
    their places: the first of the list is the one in front."""
    chosen = [one.instrument.symbol for one in selection.chosen]
    reasons = {one.symbol: one.text for one in selection.left_out}
    removed: list[Removed] = []
    kept: list[Removed] = []
    stay: list[str] = []
    for symbol in dict.fromkeys(current):
        if symbol in chosen:
            stay.append(symbol)
            continue
        gone = Removed(symbol=symbol, why=reasons.get(symbol, "no longer listed"), held=held.get(symbol, ""))
        if gone.held and not drop_held:
            kept.append(gone)
            stay.append(symbol)
        else:
            removed.append(gone)
    added = tuple(symbol for symbol in chosen if symbol not in stay)
    proposed = (*stay, *added)
    return Difference(
        proposed=proposed,
        added=added,
        removed=tuple(removed),
        kept=tuple(kept),
        changed=tuple(
            change
            for symbol in proposed
            if symbol in known and symbol in instruments
            for change in _changes(symbol, known[symbol], terms(instruments[symbol]))
        ),
    )


def balances_held(
    symbols: Iterable[str],
    staying: Iterable[str],
    instruments: Mapping[str, Instrument],
    days: Mapping[str, Day],
    balances: Iterable[Balance],
) -> dict[str, str]:
    """Of `symbols`: which asset could no longer be sold without it. Dust, which no order could sell, and
    assets that another staying symbol trades do not count; without a price everything does."""
    sold_elsewhere = {instruments[symbol].base for symbol in staying if symbol in instruments}
    amounts = {one.asset: one.total for one in balances}
    found: dict[str, str] = {}
    for symbol in symbols:
        one, day = instruments.get(symbol), days.get(symbol)
        if one is None or one.base in sold_elsewhere:
            continue
        amount, least = amounts.get(one.base, ZERO), _min_notional(one) or ZERO
        dust = day is not None and day.last > 0 and multiply(amount, day.last) < least
        if amount and not dust:
            found[symbol] = f"{short(amount)} {one.base}"
    return found


# --- inside ---------------------------------------------------------------------


def _unfit(one: Instrument, bases: set[str], policy: Policy) -> tuple[Reason, str] | None:
    if one.quote not in policy.quotes:
        return Reason.QUOTE, f"is priced in {one.quote}"
    if one.symbol in policy.exclude or one.base in policy.exclude:
        return Reason.EXCLUDED, "is on your list of exclusions"
    if not one.permitted:
        return Reason.PERMISSION, "may not be traded by this kind of account"
    if one.status is not SymbolStatus.TRADING:
        return Reason.STATUS, f"does not trade: {one.status}"
    missing = [kind for kind in policy.order_types if kind not in one.order_types]
    if missing:
        return Reason.ORDER_TYPES, f"takes no {', '.join(missing)} orders"
    if one.base in STABLES and one.quote in STABLES:
        return Reason.STABLE_PAIR, f"both {one.base} and {one.quote} are stable coins"
    if any(one.base.endswith(word) and one.base.removesuffix(word) in bases for word in _LEVERAGED):
        return Reason.LEVERAGED, f"{one.base} is a leveraged token"
    least, most = _min_notional(one), policy.max_min_notional.get(one.quote)
    if most is not None and (least is None or least > most):
        asks = (
            f"its smallest order is {short(least)}" if least is not None else "its smallest order is unknown"
        )
        return Reason.MIN_NOTIONAL, f"{asks} {one.quote}, above {short(most)}"
    return None


def _too_quiet(one: Instrument, day: Day | None, policy: Policy) -> tuple[Reason, str] | None:
    if day is None or not usable(day.quote_volume) or day.quote_volume < 0:
        return Reason.NO_VOLUME, "its volume is not known"
    least = policy.min_volume.get(one.quote, ZERO)
    if day.quote_volume < least:
        return Reason.VOLUME, f"{short(day.quote_volume)} {one.quote} in 24 h, below {short(least)}"
    return None


def _left_out(one: Instrument, reason: Reason, text: str) -> LeftOut:
    return LeftOut(symbol=one.symbol, quote=one.quote, reason=reason, text=text)


def _min_notional(one: Instrument) -> Decimal | None:
    found = [f.min_notional for f in one.filters if isinstance(f, Notional | MinNotional)]
    return max(found, default=None)


def _changes(symbol: str, was: Terms, now: Terms) -> Iterable[Changed]:
    for field in Terms.__struct_fields__:
        before, after = getattr(was, field), getattr(now, field)
        if before != after:
            yield Changed(symbol=symbol, field=field, was=_word(before), now=_word(after))


def _word(value: object) -> str:
    if isinstance(value, Decimal):
        return plain(value)
    return "none" if value is None else str(value)
