"""Actions of the account's money, said in words by palette or `spark-tui do`: what nothing else can know."""

from collections.abc import Mapping
from decimal import Decimal

from spark_tui.domain.accounting import FlowKind
from spark_tui.link.messages import AnyRequest, PriceFills, RecordFlow
from spark_tui.ui.action_words import VENUE, Action, ActionError, Param, number

Words = Mapping[str, str]

KINDS = tuple(kind for kind in FlowKind if kind.external)


def _record(params: Words) -> AnyRequest:
    return RecordFlow(
        asset=params["asset"].strip().upper(),
        amount=_needed(params, "amount"),
        note=params["note"],
        kind=_kind(params.get("kind", FlowKind.ADJUSTMENT)),
        venue=params.get("venue", ""),
    )


def _kind(text: str) -> FlowKind:
    for kind in KINDS:
        if kind == text.strip().upper():
            return kind
    raise ActionError(f"kind={text[:40]} is not one of {', '.join(KINDS)}.")


def _price(params: Words) -> AnyRequest:
    return PriceFills(asset=params["asset"].strip().upper(), price=_needed(params, "price"))


def _needed(params: Words, name: str) -> Decimal:
    value = number(params, name)
    if value is None:
        raise ActionError(f"{name} is missing.")
    return value


MONEY_ACTIONS: tuple[Action, ...] = (
    Action(
        "flow.record", "Explain a balance", "Money that came or went and no row tells of becomes a row.",
        group="Money", trades=True, request=_record,
        params=(
            Param("asset", "e.g. USDT", required=True),
            Param("amount", "what the balance gained; below 0 what it lost", required=True),
            Param("note", "what it was; goes into the ledger", required=True),
            Param("kind", "DEPOSIT, WITHDRAWAL or ADJUSTMENT (else)"),
            VENUE,
        ),
    ),
    Action(
        "flow.price", "Price what waits", "What one of an asset was worth, for trades that lack its price.",
        group="Money", trades=True, request=_price,
        params=(
            Param("asset", "e.g. BNB", required=True),
            Param("price", "of one of it, in USDT, at that time", required=True),
        ),
    ),
)  # fmt: skip
