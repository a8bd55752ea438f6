"""`symbols.toml` of a data directory: the symbols that `spark-tui symbols sync` chose, with the policy that
chose them and the terms they had. An engine reads it when it starts.

Replaced in one step, the one before kept beside it. `[written]` is its last table and has to be there: a file
that was cut anywhere is known by its absence.
"""

import contextlib
import json
import os
import shutil
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

import msgspec

from spark_tui.domain.decimals import plain, usable
from spark_tui.domain.rules import Rule, RuleKind, problem
from spark_tui.domain.selection import Policy, Terms
from spark_tui.rules_form import RuleForm
from spark_tui.settings import Settings

SYMBOLS_FILE = "symbols.toml"
BACKUP_FILE = "symbols.toml.bak"
RULE_ID = "symbols-sync"
_HEADER = "# Written by `spark-tui symbols sync`; an engine reads it when it starts.\n"


class SymbolsFileError(Exception):
    """The file cannot be used; one sentence with the cure."""


class VenueSymbols(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One venue's list. `whitelist`: a risk rule refuses orders in any other symbol."""

    symbols: tuple[str, ...]
    whitelist: bool
    policy: Policy
    terms: dict[str, Terms] = {}


class _Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    at_ms: int


class SymbolsFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    venues: dict[str, VenueSymbols]
    written: _Written


def read_symbols(data_dir: Path) -> SymbolsFile | None:
    """None where nothing was ever synced. Raises SymbolsFileError."""
    path = data_dir / SYMBOLS_FILE
    try:
        return _decoded(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SymbolsFileError(f"The list of symbols {path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise SymbolsFileError(
            f"The list of symbols {path} is damaged ({str(error)[:120]}); put {BACKUP_FILE} in its place, or"
            " move it away and run: spark-tui symbols sync"
        ) from None


def write_symbols(data_dir: Path, venues: Mapping[str, VenueSymbols], at_ms: int) -> None:
    """Durable before it is in force; what was there goes to the backup. Raises OSError."""
    path = data_dir / SYMBOLS_FILE
    text = _encoded(SymbolsFile(venues=dict(venues), written=_Written(at_ms)))
    _decoded(text)  # what is put in place must be readable
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=data_dir, prefix=f".{SYMBOLS_FILE}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copy2(path, data_dir / BACKUP_FILE)
        os.replace(name, path)
        _sync_directory(data_dir)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def with_synced_symbols(settings: Settings, synced: SymbolsFile | None) -> Settings:
    """The settings with the lists of their venues: what is streamed, and where asked for the rule.

    Raises SymbolsFileError.
    """
    lists = [(name, synced.venues[name]) for name in settings.venues if synced and name in synced.venues]
    if not lists:
        return settings
    symbols = tuple(dict.fromkeys(symbol for _, one in lists for symbol in one.symbols))
    rules = settings.risk.rules
    for name, one in lists:
        if one.whitelist:
            rules += (_rule(name, one),)
    risk = settings.risk.model_copy(update={"rules": rules})
    return settings.model_copy(update={"symbols": symbols, "risk": risk})


# --- inside ---------------------------------------------------------------------


def _rule(venue: str, one: VenueSymbols) -> RuleForm:
    """A symbol that no rule can name (the testnet has some, on purpose) is refused by it."""
    symbols = tuple(
        symbol
        for symbol in one.symbols
        if not problem(Rule(id=RULE_ID, kind=RuleKind.SYMBOLS, symbols=(symbol,)))
    )
    if not symbols:
        raise SymbolsFileError(
            f"No rule can name the symbols of {venue} in {SYMBOLS_FILE}; run:"
            " spark-tui symbols sync --no-whitelist"
        )
    return RuleForm(id=RULE_ID, kind=RuleKind.SYMBOLS, symbols=symbols, venue=venue)


def _decoded(text: bytes) -> SymbolsFile:
    """Raises ValueError."""
    found = msgspec.convert(tomllib.loads(text.decode()), SymbolsFile)
    for one in found.venues.values():
        limits = (*one.policy.min_volume.values(), *one.policy.max_min_notional.values())
        if not one.symbols or not all(one.symbols):
            raise ValueError("a list without symbols")
        if not all(usable(limit) and limit >= 0 for limit in limits):
            raise ValueError("a limit that is no amount of money")
    return found


def _encoded(content: SymbolsFile) -> bytes:
    parts = [_HEADER]
    for name, one in content.venues.items():
        at = ("venues", name)
        parts += _table(at, {"symbols": one.symbols, "whitelist": one.whitelist})
        policy = msgspec.structs.asdict(one.policy)
        money = {key: policy.pop(key) for key in ("min_volume", "max_min_notional")}
        parts += _table((*at, "policy"), policy)
        for key, limits in money.items():
            parts += _table((*at, "policy", key), limits)
        for symbol, terms in one.terms.items():
            parts += _table((*at, "terms", symbol), msgspec.structs.asdict(terms))
    parts += _table(("written",), {"at_ms": content.written.at_ms})
    return "".join(parts).encode()


def _table(path: tuple[str, ...], values: Mapping[str, object]) -> Iterator[str]:
    yield f"\n[{'.'.join(_quoted(part) for part in path)}]\n"
    for key, value in values.items():
        if value is not None:
            yield f"{_quoted(key)} = {_value(value)}\n"


def _quoted(text: str) -> str:
    bare = text.isascii() and text.replace("_", "").replace("-", "").isalnum()
    return text if bare else json.dumps(text, ensure_ascii=False)


def _value(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case Decimal():
            return json.dumps(plain(value))
        case tuple():
            return f"[{', '.join(_value(one) for one in value)}]"
    return json.dumps(str(value), ensure_ascii=False)


def _sync_directory(path: Path) -> None:
    with contextlib.suppress(OSError):  # not every file system can; the rename is atomic all the same
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
