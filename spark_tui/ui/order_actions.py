"""Actions of the full order life that are said in words, by palette or `spark-tui do`: lists, replace, algos,
reconciliation, drills."""

from collections.abc import Mapping
from decimal import Decimal

from spark_tui.domain.values import LegRole, ListKind, Side
from spark_tui.link.messages import (
    AlgoKind,
    AmendOrder,
    AnyRequest,
    CancelList,
    PauseAlgo,
    Reconcile,
    ReplaceOrder,
    ResolveDifference,
    ResumeAlgo,
    RunDrill,
    StartAlgo,
    StopAlgo,
    SubmitLeg,
    SubmitList,
    TestOrder,
)
from spark_tui.ui.action_words import (
    KEY,
    ORDER,
    SYMBOL,
    TERMS,
    VENUE,
    Action,
    ActionError,
    Param,
    flag,
    number,
    submit,
    whole,
    word,
)

Words = Mapping[str, str]

TRADE = "trade"  # the screen whose ticket and tables these keys speak of

_ORDER_ID = Param("client_order_id", "the order's id", required=True)
_ALGO_ID = Param("algo_id", "the algo's id", required=True)
_COMMON = ("symbol", "side", "quantity", "venue")
_LEG_WORDS = (Param("side", "BUY or SELL"), *TERMS)


def _test(params: Words) -> AnyRequest:
    return TestOrder(order=submit(params))


def _needed(params: Words, name: str) -> Decimal:
    value = number(params, name)
    if value is None:
        raise ActionError(f"{name} is needed.")
    return value


def _amend(params: Words) -> AnyRequest:
    return AmendOrder(client_order_id=params["client_order_id"], quantity=_needed(params, "quantity"))


def _replace(params: Words) -> AnyRequest:
    return ReplaceOrder(
        client_order_id=params["client_order_id"],
        order=submit(params),
        allow_failure=flag(params, "allow_failure"),
    )


def _list(params: Words) -> AnyRequest:
    """`side` and `quantity` hold for every leg that says none of its own."""
    legs = []
    for role in LegRole:
        prefix = f"{role.lower()}."
        own = {name.removeprefix(prefix): text for name, text in params.items() if name.startswith(prefix)}
        if own:
            common = {
                name: params[name] for name in ("symbol", "side", "quantity", "venue") if name in params
            }
            legs.append(SubmitLeg(role=role, order=submit(_complete(f"{role}", {**common, **own}))))
    if not legs:
        raise ActionError(
            "list.submit needs the terms of its legs, e.g. above.type=LIMIT_MAKER above.price=70000."
        )
    return SubmitList(kind=word(ListKind, params, "kind"), legs=tuple(legs), key=params.get("key", ""))


def _complete(role: str, words: dict[str, str]) -> dict[str, str]:
    missing = [name for name in ("side", "type") if name not in words]
    if missing:
        raise ActionError(f"The {role} leg needs {', '.join(missing)}.")
    return words


def _cancel_list(params: Words) -> AnyRequest:
    return CancelList(list_id=params["list_id"])


def _start_algo(params: Words) -> AnyRequest:
    jitter, duration = number(params, "jitter"), number(params, "duration_s")
    return StartAlgo(
        kind=word(AlgoKind, params, "kind"),
        symbol=params["symbol"].upper(),
        side=word(Side, params, "side"),
        quantity=_needed(params, "quantity"),
        venue=params.get("venue", ""),
        duration_s=None if duration is None else float(duration),
        slices=whole(params, "slices"),
        jitter=0.0 if jitter is None else float(jitter),
        limit_price=number(params, "limit_price"),
        display=number(params, "display"),
        trail_bp=whole(params, "trail_bp"),
        key=params.get("key", ""),
    )


def _resolve(params: Words) -> AnyRequest:
    return ResolveDifference(difference_id=params["difference_id"], choice=params["choice"])


def _drill(params: Words) -> AnyRequest:
    seed = whole(params, "seed")
    return RunDrill(name=params["name"], seed=1 if seed is None else seed)


ORDER_ACTIONS: tuple[Action, ...] = (
    Action(
        "order.test", "Dry run", "Ask gate and venue whether they would take the order; nothing is placed.",
        keys=("ctrl+t",), screens=(TRADE,), group="Trading", request=_test, params=ORDER,
    ),
    Action(
        "order.amend", "Amend the order", "Shrink the selected order, keeping its place in the queue.",
        keys=("a",), screens=(TRADE,), group="Trading", footer="Amend|", trades=True, request=_amend,
        params=(_ORDER_ID, Param("quantity", "the new total, what is filled included", required=True)),
    ),
    Action(
        "order.replace", "Replace the order", "Load the selected order into the ticket, sent in its place.",
        keys=("e",), screens=(TRADE,), group="Trading", footer="Replace|", trades=True, request=_replace,
        params=(
            _ORDER_ID,
            *ORDER,
            Param("allow_failure", "yes: place it even when the old one cannot be cancelled"),
        ),
    ),
    Action(
        "list.submit", "Send an order list", "OCO, OTO or OTOCO: orders that live and die together.",
        group="In words", trades=True, request=_list,
        params=(
            Param("kind", "OCO (above, below), OTO (working, pending), OTOCO", required=True),
            SYMBOL,
            Param("side", "BUY or SELL, for every leg that says none"),
            Param("quantity", "amount in the base asset, for every leg that says none"),
            VENUE,
            KEY,
            *(
                Param(f"{role.lower()}.{term.name}", f"{term.help}, of the {role} leg")
                for role in LegRole
                for term in _LEG_WORDS
            ),
        ),
    ),
    Action(
        "list.cancel", "Cancel an order list", "All its legs that are open.",
        group="In words", trades=True, request=_cancel_list,
        params=(Param("list_id", "the list's id", required=True),),
    ),
    Action(
        "algo.start", "Start an algo", "TWAP, ICEBERG or TRAILING: an order that the engine works.",
        group="In words", trades=True, request=_start_algo,
        params=(
            Param("kind", "TWAP, ICEBERG or TRAILING", required=True),
            SYMBOL,
            Param("side", "BUY or SELL", required=True),
            Param("quantity", "amount in the base asset", required=True),
            VENUE,
            Param("duration_s", "TWAP: over how many seconds"),
            Param("slices", "TWAP: in how many orders"),
            Param("jitter", "TWAP: share by which times and sizes vary, e.g. 0.2"),
            Param("limit_price", "TWAP: no worse than this; ICEBERG: the price"),
            Param("display", "ICEBERG: amount shown at a time"),
            Param("trail_bp", "TRAILING: distance in basis points"),
            KEY,
        ),
    ),
    Action(
        "algo.pause", "Pause an algo", "The selected one sends nothing until the same key resumes it.",
        keys=("space",), screens=(TRADE,), group="Trading", trades=True,
        request=lambda params: PauseAlgo(algo_id=params["algo_id"]),
        params=(_ALGO_ID,),
    ),
    Action(
        "algo.resume", "Resume an algo", "It goes on where it was paused.",
        group="In words", trades=True, request=lambda params: ResumeAlgo(algo_id=params["algo_id"]),
        params=(_ALGO_ID,),
    ),
    Action(
        "algo.stop", "Stop an algo", "It ends, and its open orders are cancelled.",
        group="In words", trades=True, request=lambda params: StopAlgo(algo_id=params["algo_id"]),
        params=(_ALGO_ID,),
    ),
    Action(
        "reconcile", "Compare with the venue", "Orders, trades and balances, now; see the differences.",
        keys=("c",), screens=(TRADE,), group="Trading", request=lambda params: Reconcile(),
    ),
    Action(
        "difference.resolve", "Settle a difference", "Answer one that asks.",
        group="In words", trades=True, request=_resolve,
        params=(
            Param("difference_id", "as `show differences` names it", required=True),
            Param("choice", "one of its choices", required=True),
        ),
    ),
    Action(
        "drill.run", "Run the drill", "The simulator causes the fault and the engine copes. SIM only.",
        keys=("r",), screens=("drills",), group="In words", footer="Run", trades=True, request=_drill,
        params=(
            Param("name", "as `show drills` names it", required=True),
            Param("seed", "one seed is one schedule"),
        ),
    ),
)  # fmt: skip
