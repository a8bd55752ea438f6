"""symbols.toml: what was written is read again, a cut one never passes for whole, and an engine obeys it."""

import os
from decimal import Decimal
from pathlib import Path

import pytest

from spark_tui import symbols_file
from spark_tui.domain.instrument import SymbolStatus
from spark_tui.domain.rules import RuleKind
from spark_tui.domain.selection import Policy, Terms
from spark_tui.settings import Settings
from spark_tui.symbols_file import (
    BACKUP_FILE,
    SYMBOLS_FILE,
    SymbolsFileError,
    VenueSymbols,
    read_symbols,
    with_synced_symbols,
    write_symbols,
)

TERMS = Terms(status=SymbolStatus.TRADING, tick=Decimal("0.01000000"), step=None, min_notional=Decimal(5))
ONE = VenueSymbols(
    symbols=("BTCUSDT", "这是测试币456"),
    whitelist=True,
    policy=Policy(exclude=("XRP",), max_min_notional={"TRY": Decimal("10.5")}),
    terms={"BTCUSDT": TERMS, "这是测试币456": TERMS},
)
VENUES = {"binance-spot": ONE, "btcturk": ONE}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert read_symbols(tmp_path) is None
    write_symbols(tmp_path, VENUES, 7)
    found = read_symbols(tmp_path)
    assert found is not None
    assert (found.venues, found.written.at_ms) == (VENUES, 7)


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    write_symbols(tmp_path, VENUES, 7)
    path = tmp_path / SYMBOLS_FILE
    whole = path.read_bytes()
    for length in range(len(whole) - len(b"at_ms = 7\n") + 1):
        path.write_bytes(whole[:length])
        with pytest.raises(SymbolsFileError):
            read_symbols(tmp_path)


@pytest.mark.parametrize("limit", ["NaN", "-1", "Infinity", "much"])
def test_a_limit_that_is_no_money_is_refused(tmp_path: Path, limit: str) -> None:
    write_symbols(tmp_path, VENUES, 7)
    path = tmp_path / SYMBOLS_FILE
    path.write_text(path.read_text("utf-8").replace('"10.5"', f'"{limit}"'), "utf-8")
    with pytest.raises(SymbolsFileError):
        read_symbols(tmp_path)


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_symbols(tmp_path, {"binance-spot": ONE}, 1)
    before = (tmp_path / SYMBOLS_FILE).read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(symbols_file.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_symbols(tmp_path, VENUES, 2)
    assert (tmp_path / SYMBOLS_FILE).read_bytes() == before
    assert os.listdir(tmp_path) == [SYMBOLS_FILE]


def test_the_one_before_is_kept(tmp_path: Path) -> None:
    write_symbols(tmp_path, {"binance-spot": ONE}, 1)
    before = (tmp_path / SYMBOLS_FILE).read_bytes()
    write_symbols(tmp_path, VENUES, 2)
    assert (tmp_path / BACKUP_FILE).read_bytes() == before


def test_the_engines_settings_follow_the_list(tmp_path: Path) -> None:
    assert with_synced_symbols(Settings(), None) == Settings()
    write_symbols(tmp_path, {"btcturk": ONE}, 1)
    assert with_synced_symbols(Settings(), read_symbols(tmp_path)) == Settings()
    write_symbols(tmp_path, VENUES, 1)
    found = with_synced_symbols(Settings(), read_symbols(tmp_path))
    assert found.symbols == ONE.symbols
    assert "symbols" in found.model_fields_set  # asked for: a simulator's own list does not replace it
    rule = next(rule for rule in found.risk.in_force() if rule.id == "symbols-sync")
    assert (rule.kind, rule.symbols, rule.scope.venue) == (RuleKind.SYMBOLS, ("BTCUSDT",), "binance-spot")
