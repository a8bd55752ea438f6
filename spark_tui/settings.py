"""What an operator may configure: TOML file, then environment, then flags; the later one wins.

Only processes that trade read this; faces need no more than the data directory.
"""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, get_args

import msgspec
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from spark_tui.domain.rules import STANDARD, Rule, RuleKind
from spark_tui.domain.values import Environment
from spark_tui.link.rendezvous import default_config_file
from spark_tui.rules_form import RuleForm

VENUES = ("binance-spot",)


class SettingsError(Exception):
    """One sentence that names the key, where it was found, and the cure."""


class TradeMode(StrEnum):
    SIM = "sim"
    PAPER = "paper"
    TESTNET = "testnet"
    LIVE = "live"

    @property
    def environment(self) -> Environment:
        return Environment[self.name]


_SEVERITY = tuple(Environment)  # from harmless to real money


def _words(value: object) -> object:
    """Environment variables and flags write a list as `A,B` or `A B`."""
    return value.replace(",", " ").split() if isinstance(value, str) else value


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _upper_words(value: object) -> object:
    words = _words(value)
    if isinstance(words, list):
        return [word.upper() if isinstance(word, str) else word for word in words]
    return words


Symbols = Annotated[tuple[str, ...], BeforeValidator(_upper_words)]
Money = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
Limit = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]  # 0 switches it off


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Binance(_Section):
    """Addresses decide the environment. Empty ones follow from `api_base`, that from the trade mode."""

    api_base: str = ""
    stream_base: str = ""
    ws_api_base: str = ""
    api_key: SecretStr = SecretStr("")
    api_secret: SecretStr = SecretStr("")
    api_key_file: Path | None = None  # Ed25519 PEM, or the HMAC secret; mode 0600
    recv_window_ms: int = Field(default=5_000, ge=1, le=60_000)


class Risk(_Section):
    """The guard's rules: short keys for the usual ones, `rules` for all. Money in the quote asset.

    What is on from the start is in `domain.rules.STANDARD`. 0 switches one of those with a short key off.
    """

    symbols: Symbols = ()
    min_notional: Money | None = None
    max_notional: Money | None = None
    price_band_percent: Limit | None = Decimal(75)
    orders_per_10s: int | None = Field(default=90, ge=0)
    rules: tuple[RuleForm, ...] = ()

    @model_validator(mode="after")
    def _ids_are_unique(self) -> "Risk":
        ids = [form.id for form in self.rules]
        twice = next((one for one in ids if ids.count(one) > 1), "")
        if twice:
            raise ValueError(f"there are two rules {twice!r}; an id names one")
        return self

    def in_force(self) -> tuple[Rule, ...]:
        """The standard rules as the short keys change them, then every rule of `rules`: the id decides which
        one it takes the place of."""
        rules = {rule.id: rule for rule in STANDARD}
        for rule in self._short():
            rules[rule.id] = rule
        for form in self.rules:
            rules[form.id] = form.rule()
        return tuple(rules.values())

    def _short(self) -> Iterator[Rule]:
        if self.symbols:
            yield Rule(id="symbols", kind=RuleKind.SYMBOLS, symbols=self.symbols)
        for rule_id, kind, limit, window_s in (
            ("min-notional", RuleKind.MIN_ORDER_NOTIONAL, self.min_notional, None),
            ("max-notional", RuleKind.MAX_ORDER_NOTIONAL, self.max_notional, None),
            ("price-band", RuleKind.PRICE_BAND, self.price_band_percent, None),
            ("order-rate", RuleKind.MAX_ORDER_RATE, self.orders_per_10s, 10),
        ):
            standard = next((rule for rule in STANDARD if rule.id == rule_id), None)
            if limit:
                yield Rule(id=rule_id, kind=kind, limit=Decimal(limit), window_s=window_s)
            elif standard is not None:
                yield msgspec.structs.replace(standard, enabled=False)


class Paper(_Section):
    """The paper account of TRADE_MODE=paper. `balances`: what a new one, or one that was reset, begins with.
    `round_trip_ms`: how long an order is on its way and back; not set, as it is measured."""

    balances: dict[str, Limit] = {"USDT": Decimal(10_000), "TRY": Decimal(400_000)}
    maker_fee_percent: Limit = Decimal("0.1")
    taker_fee_percent: Limit = Decimal("0.1")
    round_trip_ms: float | None = Field(default=None, ge=0, le=5_000)

    @property
    def start(self) -> dict[str, Decimal]:
        return {asset.upper(): amount for asset, amount in self.balances.items()}


class Tape(_Section):
    max_gigabytes: float = Field(default=8.0, gt=0)
    max_days: float = Field(default=14.0, gt=0)


class Evidence(_Section):
    """`max_megabytes`: of all bundles of canaries; one alone may have 16."""

    max_megabytes: int = Field(default=64, ge=32, le=1_000_000)


class Kill(_Section):
    """`store_keys`: a key that came from the environment or the configuration is also in the kill plan (mode
    0600), so that `spark-tui kill` works from any shell. Off: whoever kills must have it."""

    store_keys: bool = True


class Simulator(_Section):
    """The bundled simulator, used when nothing else is configured. `port` 0: any free one."""

    seed: int | None = None
    replay: tuple[Path, ...] = ()
    speed: float | None = Field(default=None, ge=0)  # of a replay; 0: as fast as it is read
    port: int = Field(default=0, ge=0, le=65_535)


class Settings(_Section):
    trade_mode: Annotated[TradeMode | None, BeforeValidator(_lower)] = None
    live_enabled: bool = False
    executor_port: int = Field(default=4001, ge=0, le=65_535)  # metrics and health; 0: off
    venues: Annotated[tuple[str, ...], BeforeValidator(_words)] = VENUES
    real_data: bool | None = None
    symbols: Annotated[Symbols, Field(min_length=1)] = ("BTCUSDT", "ETHUSDT", "BNBUSDT", "BTCTRY")
    binance: Binance = Binance()
    risk: Risk = Risk()
    kill: Kill = Kill()
    paper: Paper = Paper()
    tape: Tape = Tape()
    evidence: Evidence = Evidence()
    simulator: Simulator = Simulator()

    @property
    def has_keys(self) -> bool:
        binance = self.binance
        return bool(
            binance.api_key.get_secret_value()
            or binance.api_secret.get_secret_value()
            or binance.api_key_file is not None
        )


ENVIRONMENT: Mapping[str, tuple[str, ...]] = {
    "BINANCE_API_BASE": ("binance", "api_base"),
    "BINANCE_STREAM_BASE": ("binance", "stream_base"),
    "BINANCE_WS_API_BASE": ("binance", "ws_api_base"),
    "BINANCE_API_KEY": ("binance", "api_key"),
    "BINANCE_API_SECRET": ("binance", "api_secret"),
    "BINANCE_API_KEY_FILE": ("binance", "api_key_file"),
    "TRADE_MODE": ("trade_mode",),
    "LIVE_ENABLED": ("live_enabled",),
    "EXECUTOR_PORT": ("executor_port",),
    "SPARK_VENUES": ("venues",),
    "SPARK_REAL_DATA": ("real_data",),
}


def load(
    config: Path | None, environment: Mapping[str, str], flags: Mapping[tuple[str, ...], object]
) -> Settings:
    """The settings in force. `config` None: the operator's own file, if there is one. `flags` by key path.

    An empty environment variable counts as not set. Raises SettingsError.
    """
    values: dict[str, Any] = _read(config)
    origin: dict[tuple[str, ...], str] = {}
    for name, key in ENVIRONMENT.items():
        if environment.get(name, "").strip():
            _put(values, key, environment[name].strip())
            origin[key] = name
    for key, value in flags.items():
        _put(values, key, value)
        origin[key] = f"--{key[-1].replace('_', '-')}"
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(_sentence(error, origin, config)) from None
    _check_venues(settings)
    return settings


def require_not_milder(settings: Settings, found: Environment, host: str) -> None:
    """The host decides the environment; a TRADE_MODE that promises a milder one is a dangerous mistake.

    Raises SettingsError.
    """
    mode = settings.trade_mode
    if mode is not None and _SEVERITY.index(found) > _SEVERITY.index(mode.environment):
        raise SettingsError(
            f"TRADE_MODE={mode} but {host} is {found}: the host decides. Change BINANCE_API_BASE, or set"
            f" TRADE_MODE={found.lower()} if that is what you mean."
        )
    require_data_as_said(settings, found, host)


def require_data_as_said(settings: Settings, found: Environment, host: str) -> None:
    """Raises SettingsError when SPARK_REAL_DATA contradicts the host."""
    if settings.real_data is True and found is Environment.SIM:
        raise SettingsError(
            "SPARK_REAL_DATA is true but the exchange is a simulator; unset it or set BINANCE_API_BASE."
        )
    if settings.real_data is False and found is not Environment.SIM:
        raise SettingsError(
            f"SPARK_REAL_DATA is false but {host} is {found} with real data; unset it or BINANCE_API_BASE."
        )


def _check_venues(settings: Settings) -> None:
    for venue in settings.venues:
        if venue not in VENUES:
            raise SettingsError(f"SPARK_VENUES names {venue!r}{_nearest(venue, VENUES)}.")
    if not settings.venues:
        raise SettingsError(f"SPARK_VENUES names no venue; known: {', '.join(VENUES)}.")


def _read(config: Path | None) -> dict[str, Any]:
    path = config or default_config_file()
    if config is None and not path.exists():
        return {}
    try:
        with path.open("rb") as file:
            values = tomllib.load(file)
            mode = os.fstat(file.fileno()).st_mode
    except OSError as error:
        raise SettingsError(f"The configuration {path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"The configuration {path} is not TOML: {error}.") from None
    binance = values.get("binance")
    if mode & 0o077 and isinstance(binance, dict) and binance.get("api_secret"):
        raise SettingsError(f"{path} holds a secret but others can read it; run: chmod 600 {path}")
    return values


def _put(values: dict[str, Any], key: tuple[str, ...], value: object) -> None:
    for part in key[:-1]:
        section = values.setdefault(part, {})
        if not isinstance(section, dict):
            return  # a section given as a plain value: validation names it
        values = section
    values[key[-1]] = value


def _sentence(error: ValidationError, origin: Mapping[tuple[str, ...], str], config: Path | None) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    key = tuple(str(part) for part in first["loc"] if isinstance(part, str))
    written = ".".join(key)
    place = str(config or default_config_file())
    if first["type"] == "extra_forbidden":
        return f"{place}: unknown key {written!r}{_nearest(key[-1], _known(key[:-1]))}."
    name = origin.get(key)
    where = f"{name} ({written})" if name else f"{place}: {written}"
    said = first["msg"].removeprefix("Value error, ")
    return f"{where} is wrong: {said[:1].lower()}{said[1:]}."


def _known(section: tuple[str, ...]) -> tuple[str, ...]:
    model: type[BaseModel] = Settings
    for part in section:
        kind = model.model_fields[part].annotation
        kind = next(iter(get_args(kind)), kind)  # of a list: what it is a list of
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            return ()
        model = kind
    return tuple(model.model_fields)


def _nearest(word: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}" if close else f"; known: {', '.join(known)}"
