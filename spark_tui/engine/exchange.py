"""Which exchange the settings mean, asked and checked before anything trades."""

import asyncio

import msgspec

from spark_tui.domain.values import Environment
from spark_tui.settings import Settings, SettingsError, TradeMode, require_data_as_said, require_not_milder
from spark_tui.venues.binance import credentials as keys
from spark_tui.venues.binance.spot import endpoints

_PAUSES_S = (0.3, 1.0)  # between attempts: a proxy on the way may cut, and a simulator may be starting


def wanted_base(settings: Settings) -> str:
    """The REST address to use; empty means the bundled simulator. Raises SettingsError.

    The host decides the environment, so a key without any hint where it belongs is not guessed at.
    """
    binance = settings.binance
    if binance.api_base:
        return binance.api_base
    if settings.trade_mode is TradeMode.TESTNET:
        return endpoints.TESTNET.rest
    real = settings.real_data is not False and settings.trade_mode is TradeMode.PAPER
    if settings.trade_mode is TradeMode.LIVE or real or (settings.real_data and settings.trade_mode is None):
        return endpoints.LIVE.rest
    if settings.trade_mode is None and settings.has_keys:
        raise SettingsError(
            "An API key is set but not where it belongs: set TRADE_MODE=testnet (or BINANCE_API_BASE),"
            " or TRADE_MODE=sim to trade on the bundled simulator without it."
        )
    if binance.stream_base or binance.ws_api_base:
        raise SettingsError("BINANCE_STREAM_BASE or BINANCE_WS_API_BASE is set without BINANCE_API_BASE.")
    return ""


async def discover(settings: Settings, base: str) -> endpoints.Discovery:
    """Addresses, environment and key in force. Raises SettingsError."""
    try:
        found = await _patiently(settings, base)
        own = _own_key(settings)
    except (endpoints.EndpointError, keys.CredentialError) as error:
        raise SettingsError(str(error)) from None
    if settings.trade_mode is TradeMode.PAPER:  # whatever the host: without a key no order can go there
        require_data_as_said(settings, found.environment, base)
        return msgspec.structs.replace(found, environment=Environment.PAPER, credentials=None)
    require_not_milder(settings, found.environment, base)
    if own is not None:
        return msgspec.structs.replace(found, credentials=own)
    return found


def own_key_is_used(settings: Settings) -> bool:
    """The bundled simulator brings its own key; a key of the operator's has no business there."""
    return bool(settings.binance.api_base) or settings.trade_mode in (TradeMode.TESTNET, TradeMode.LIVE)


async def _patiently(settings: Settings, base: str) -> endpoints.Discovery:
    binance = settings.binance
    for pause_s in (*_PAUSES_S, None):
        try:
            return await endpoints.discover(base, binance.stream_base or None, binance.ws_api_base or None)
        except endpoints.EndpointError:
            if pause_s is None or not _on_this_machine(base):
                raise
        await asyncio.sleep(pause_s)
    raise AssertionError("the last attempt returns or raises")


def _on_this_machine(base: str) -> bool:
    host = base.partition("://")[2].partition("/")[0].rpartition(":")[0]
    return endpoints.environment_of(host.strip("[]")) is Environment.SIM


def _own_key(settings: Settings) -> keys.Credentials | None:
    """Raises CredentialError."""
    binance = settings.binance
    if not settings.has_keys or not own_key_is_used(settings):
        return None
    api_key = binance.api_key.get_secret_value()
    secret = binance.api_secret.get_secret_value()
    if binance.api_key_file is not None:
        if secret:
            raise keys.CredentialError("Set BINANCE_API_SECRET or BINANCE_API_KEY_FILE, not both.")
        return keys.from_file(api_key, binance.api_key_file.expanduser())
    return keys.from_environment({"BINANCE_API_KEY": api_key, "BINANCE_API_SECRET": secret})
