"""File, environment, flags; and what a wrong one is told."""

from decimal import Decimal
from pathlib import Path

import pytest

from spark_tui.domain.rules import STANDARD, Rule, RuleEffect, RuleKind
from spark_tui.domain.values import Environment
from spark_tui.engine.exchange import discover, wanted_base
from spark_tui.settings import Settings, SettingsError, TradeMode, load, require_not_milder


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


@pytest.fixture(autouse=True)
def no_config_of_mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))


def test_nothing_configured_is_the_bundled_simulator() -> None:
    settings = load(None, {}, {})
    assert settings == Settings()
    assert settings.symbols == ("BTCUSDT", "ETHUSDT", "BNBUSDT", "BTCTRY")
    assert settings.executor_port == 4001
    assert wanted_base(settings) == ""


def test_flags_win_over_environment_over_file(file: Path) -> None:
    write(file, 'executor_port = 1\nsymbols = ["AAAUSDT"]\ntrade_mode = "paper"\n[tape]\nmax_days = 2')
    settings = load(
        file,
        {"EXECUTOR_PORT": "2", "TRADE_MODE": " Testnet ", "LIVE_ENABLED": ""},
        {("symbols",): "ethusdt,x"},
    )
    assert settings.executor_port == 2
    assert settings.trade_mode is TradeMode.TESTNET
    assert settings.symbols == ("ETHUSDT", "X")
    assert settings.tape.max_days == 2
    assert settings.live_enabled is False


def test_money_keeps_its_text(file: Path) -> None:
    write(file, '[risk]\nmax_notional = "1000.10"\nmin_notional = 0.1\nsymbols = ["btcusdt"]')
    risk = load(file, {}, {}).risk
    assert (str(risk.max_notional), risk.min_notional) == ("1000.10", Decimal("0.1"))
    assert risk.symbols == ("BTCUSDT",)


def test_the_short_keys_are_rules_and_zero_switches_one_off(file: Path) -> None:
    write(file, "[risk]\nmax_notional = 500\nprice_band_percent = 0\norders_per_10s = 5\nsymbols = ['a']")
    rules = {rule.id: rule for rule in load(file, {}, {}).risk.in_force()}
    assert rules["max-notional"] == Rule(
        id="max-notional", kind=RuleKind.MAX_ORDER_NOTIONAL, limit=Decimal(500)
    )
    assert not rules["price-band"].enabled
    assert (rules["order-rate"].limit, rules["order-rate"].window_s) == (5, 10)
    assert rules["symbols"].symbols == ("A",)
    assert set(rules) == {rule.id for rule in STANDARD} | {"max-notional", "symbols"}


def test_a_written_rule_takes_the_place_of_the_one_with_its_id(file: Path) -> None:
    write(
        file,
        "[risk]\nmax_notional = 500\n"
        "[[risk.rules]]\nid = 'daily-loss'\nkind = 'max-daily-loss'\nlimit = 250\neffect = 'halt'\n"
        "[[risk.rules]]\nid = 'max-notional'\nkind = 'max_order_notional'\nlimit = 100\nsymbol = 'btcusdt'\n"
        "[[risk.rules]]\nid = 'day'\nkind = 'trading_hours'\nhours = 'mon-fri 09:00-17:00'\nenabled = false",
    )
    rules = {rule.id: rule for rule in load(file, {}, {}).risk.in_force()}
    assert (rules["daily-loss"].kind, rules["daily-loss"].effect) == (
        RuleKind.MAX_DAILY_LOSS,
        RuleEffect.HALT,
    )
    assert (rules["max-notional"].limit, rules["max-notional"].scope.symbol) == (100, "BTCUSDT")
    assert not rules["day"].enabled


def test_without_a_word_the_standard_rules_are_in_force(file: Path) -> None:
    write(file, "")
    assert load(file, {}, {}).risk.in_force() == STANDARD


def test_an_id_names_one_rule(file: Path) -> None:
    write(file, 2 * "[[risk.rules]]\nid = 'a'\nkind = 'max_leverage'\nlimit = 2\n")
    with pytest.raises(SettingsError, match="two rules 'a'"):
        load(file, {}, {})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("trad_mode = 'sim'", ["'trad_mode'", "did you mean 'trade_mode'"]),
        ("[risk]\nmax_notionl = 3", ["'risk.max_notionl'", "did you mean 'max_notional'"]),
        ("[rsk]\nmax_notional = 3", ["'rsk'", "did you mean 'risk'"]),
        ("executor_port = 'abc'", ["executor_port", "integer"]),
        ("risk = 3", ["risk", "dictionary"]),
        ("[risk]\nmax_notional = -1", ["risk.max_notional", "greater than 0"]),
        ("[risk]\nmax_notional = nan", ["risk.max_notional", "finite"]),
        ("[[risk.rules]]\nid = 'a'\nkind = 'max_leverage'", ["risk.rules", "max_leverage needs a limit"]),
        ("[[risk.rules]]\nid = 'a'\nkind = 'max_leverge'\nlimit = 3", ["risk.rules.kind", "max_leverage"]),
        ("[[risk.rules]]\nid = 'a'\nkind = 'price_band'\nlimt = 3", ["'risk.rules.limt'", "mean 'limit'"]),
        ("symbols = []", ["symbols", "at least 1"]),
        ("venues = ['binance']", ["'binance'", "did you mean 'binance-spot'"]),
        ("x =", ["is not TOML"]),
    ],
)
def test_a_wrong_file_is_one_sentence_that_names_the_key(file: Path, text: str, words: list[str]) -> None:
    write(file, text)
    with pytest.raises(SettingsError) as wrong:
        load(file, {}, {})
    sentence = str(wrong.value)
    assert "\n" not in sentence
    assert all(word in sentence for word in words), sentence


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRADE_MODE", "real"),
        ("EXECUTOR_PORT", "70000"),
        ("LIVE_ENABLED", "perhaps"),
        ("SPARK_VENUES", "nowhere"),
        ("SPARK_REAL_DATA", "2"),
    ],
)
def test_a_wrong_variable_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load(None, {name: value}, {})


def test_a_missing_or_unreadable_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        load(tmp_path / "none.toml", {}, {})
    with pytest.raises(SettingsError, match="directory"):
        load(tmp_path, {}, {})
    (tmp_path / "latin").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="not TOML"):
        load(tmp_path / "latin", {}, {})


def test_a_secret_is_shown_nowhere(file: Path) -> None:
    write(file, "[binance]\napi_key = 'KEY-1'\napi_secret = 'hunter1'\nrecv_window_ms = 'hunter2'")
    with pytest.raises(SettingsError) as wrong:
        load(file, {}, {})
    assert "hunter" not in str(wrong.value)
    write(file, "[binance]\napi_key = 'KEY-1'\napi_secret = 'hunter1'")
    settings = load(file, {}, {})
    assert "hunter" not in repr(settings)
    assert "KEY-1" not in repr(settings)
    assert settings.has_keys


def test_a_file_with_a_secret_must_be_private(file: Path) -> None:
    write(file, "[binance]\napi_secret = 'hunter1'").chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600") as wrong:
        load(file, {}, {})
    assert "hunter" not in str(wrong.value)


@pytest.mark.parametrize(
    ("environment", "base"),
    [
        ({"TRADE_MODE": "testnet"}, "https://testnet.binance.vision"),
        ({"TRADE_MODE": "live"}, "https://api.binance.com"),
        ({"SPARK_REAL_DATA": "true"}, "https://api.binance.com"),
        ({"SPARK_REAL_DATA": "true", "TRADE_MODE": "sim"}, ""),
        ({"TRADE_MODE": "paper"}, "https://api.binance.com"),
        ({"TRADE_MODE": "paper", "SPARK_REAL_DATA": "false"}, ""),
        ({"TRADE_MODE": "paper", "BINANCE_API_BASE": "http://127.0.0.1:1"}, "http://127.0.0.1:1"),
        (
            {"TRADE_MODE": "paper", "BINANCE_API_KEY": "k", "BINANCE_API_SECRET": "s"},
            "https://api.binance.com",
        ),
        ({"TRADE_MODE": "sim", "BINANCE_API_KEY": "k", "BINANCE_API_SECRET": "s"}, ""),
        ({"BINANCE_API_BASE": "http://127.0.0.1:1", "TRADE_MODE": "live"}, "http://127.0.0.1:1"),
    ],
)
def test_where_to_trade_follows_from_the_settings(environment: dict[str, str], base: str) -> None:
    assert wanted_base(load(None, environment, {})) == base


def test_a_key_without_a_place_is_not_guessed_at() -> None:
    settings = load(None, {"BINANCE_API_KEY": "k", "BINANCE_API_SECRET": "hunter1"}, {})
    with pytest.raises(SettingsError, match="TRADE_MODE") as wrong:
        wanted_base(settings)
    assert "hunter" not in str(wrong.value)


_ORDER = [Environment.SIM, Environment.PAPER, Environment.TESTNET, Environment.LIVE]


@pytest.mark.parametrize("mode", list(TradeMode))
@pytest.mark.parametrize("found", _ORDER)
def test_a_mode_that_promises_less_than_the_host_is_refused(mode: TradeMode, found: Environment) -> None:
    settings = Settings(trade_mode=mode)
    if _ORDER.index(found) > _ORDER.index(mode.environment):
        with pytest.raises(SettingsError, match="the host decides"):
            require_not_milder(settings, found, "the-host")
    else:
        require_not_milder(settings, found, "the-host")


async def test_a_paper_account_takes_no_key_along_and_needs_no_milder_host() -> None:
    environment = {
        "TRADE_MODE": "paper",
        "BINANCE_API_BASE": "https://api.binance.com",
        "BINANCE_API_KEY": "k",
        "BINANCE_API_SECRET": "s",
    }
    found = await discover(load(None, environment, {}), "https://api.binance.com")
    assert (found.environment, found.data, found.credentials) == (Environment.PAPER, "Real", None)
    assert found.endpoints.environment is Environment.LIVE
    with pytest.raises(SettingsError, match="SPARK_REAL_DATA"):
        await discover(load(None, {**environment, "SPARK_REAL_DATA": "false"}, {}), "https://api.binance.com")


def test_what_a_paper_account_begins_with(file: Path) -> None:
    write(file, '[paper]\ntaker_fee_percent = "0.04"\n[paper.balances]\nusdt = "2500"')
    paper = load(file, {}, {}).paper
    assert (paper.start, paper.taker_fee_percent) == ({"USDT": Decimal(2500)}, Decimal("0.04"))


def test_real_data_must_be_what_it_says() -> None:
    with pytest.raises(SettingsError, match="SPARK_REAL_DATA"):
        require_not_milder(Settings(real_data=True), Environment.SIM, "127.0.0.1")
    with pytest.raises(SettingsError, match="SPARK_REAL_DATA"):
        require_not_milder(Settings(real_data=False), Environment.LIVE, "api.binance.com")
