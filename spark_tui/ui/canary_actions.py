"""Actions of the Canary screen, and the arming of live trading, in words."""

from collections.abc import Mapping
from decimal import Decimal

from spark_tui.domain.values import Side
from spark_tui.link.messages import (
    AnyRequest,
    ArmLive,
    ConfirmCanary,
    DisarmLive,
    RunCanary,
    SoakCanary,
    StopCanary,
)
from spark_tui.ui.action_words import SYMBOL, VENUE, Action, ActionError, Param, flag, number, whole, word

Words = Mapping[str, str]

CANARY = "canary"  # the screen
SOAK_MOST_S = 86_400  # the engine takes no longer one

_SIDE = Param("side", "BUY (if not said) or SELL")
_QUANTITY = Param("quantity", "amount in the base asset; not said: the smallest order, or the run's")
_MEANT = Param("yes_i_mean", "the symbol again: a real order will be placed")


def _side(params: Words) -> Side:
    return word(Side, params, "side") if "side" in params else Side.BUY


def _run(params: Words) -> AnyRequest:
    return RunCanary(
        symbol=params["symbol"].upper(),
        side=_side(params),
        venue=params.get("venue", ""),
        quantity=number(params, "quantity"),
        price=number(params, "price"),
    )


def _confirm(params: Words) -> AnyRequest:
    return ConfirmCanary(
        symbol=params["symbol"].upper(),
        typed=params.get("yes_i_mean", ""),
        side=_side(params),
        venue=params.get("venue", ""),
        quantity=number(params, "quantity"),
    )


def _soak(params: Words) -> AnyRequest:
    duration = needed(params, "duration_s")
    if not 0 < duration <= SOAK_MOST_S:
        raise ActionError(f"A soak takes more than 0 and at most {SOAK_MOST_S} seconds.")
    return SoakCanary(
        symbol=params["symbol"].upper(),
        duration_s=float(duration),
        side=_side(params),
        venue=params.get("venue", ""),
        quantity=number(params, "quantity"),
        dry=not params.get("yes_i_mean", "") if "dry" not in params else flag(params, "dry"),
        typed=params.get("yes_i_mean", ""),
    )


def arm(params: Words) -> ArmLive:
    minutes = whole(params, "minutes")
    if minutes is None:
        raise ActionError("minutes is needed.")
    return ArmLive(
        symbols=tuple(params["symbols"].upper().replace(",", " ").split()),
        cap=needed(params, "cap"),
        minutes=minutes,
        phrase=params.get("phrase", ""),
    )


def needed(params: Words, name: str) -> Decimal:
    value = number(params, name)
    if value is None:
        raise ActionError(f"{name} is needed.")
    return value


CANARY_ACTIONS: tuple[Action, ...] = (
    Action(
        "canary.run", "Run the canary", "Look at everything an order needs; nothing is placed.",
        keys=("r",), screens=(CANARY,), group="Canary", footer="Run", request=_run,
        params=(SYMBOL, _SIDE, _QUANTITY, Param("price", "a LIMIT order there, instead of MARKET"), VENUE),
    ),
    Action(
        "canary.confirm", "Confirm the canary",
        "Place the order of a fresh run, after its symbol is typed; never with real money.",
        keys=("c",), screens=(CANARY,), group="Canary", footer="Confirm", trades=True, request=_confirm,
        params=(SYMBOL, _SIDE, _QUANTITY, _MEANT, VENUE),
    ),
    Action(
        "canary.soak", "Soak the canary", "A health check and a canary every 10 s; dry unless meant.",
        keys=("o",), screens=(CANARY,), group="Canary", footer="Soak", trades=True, request=_soak,
        params=(
            SYMBOL,
            Param("duration_s", "for so many seconds; on the key: 60", required=True),
            _SIDE,
            _QUANTITY,
            Param("dry", "yes (if not said) places nothing; for no the cockpit has the symbol typed"),
            _MEANT,
            VENUE,
        ),
    ),
    Action(
        "canary.stop", "Stop the soak", "After the check it is at.",
        keys=("x",), screens=(CANARY,), group="Canary", footer="Stop|", request=lambda params: StopCanary(),
    ),
    Action(
        "canary.side", "Side of the canary", "BUY or SELL, for the next run.",
        keys=("s",), screens=(CANARY,), group="Canary", footer="Side",
    ),
    Action(
        "canary.symbol", "Symbol of the canary", "The next instrument that is watched.",
        keys=("]",), screens=(CANARY,), group="Canary", footer="Symbol|",
    ),
    Action(
        "live.arm", "Arm live trading",
        "Real money, in these symbols, up to the cap, until it expires; the phrase is typed out.",
        group="In words", trades=True, request=arm,
        params=(
            Param("symbols", "e.g. BTCUSDT,ETHUSDT", required=True),
            Param("cap", "USDT that may be traded in all", required=True),
            Param("minutes", "until it expires", required=True),
            Param("phrase", "what `do live.arm` asks for without it; the cockpit has it typed in a dialog"),
        ),
    ),
    Action(
        "live.disarm", "Disarm live trading", "Nothing leaves for real money any more but cancels.",
        group="In words", safe=True,
        request=lambda params: DisarmLive(reason=params.get("reason", "operator")),
        params=(Param("reason", "goes into the ledger"),),
    ),
)  # fmt: skip
