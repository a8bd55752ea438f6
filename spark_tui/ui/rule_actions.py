"""Actions of the risk rules, said in words by palette or `spark-tui do`."""

from collections.abc import Mapping

from spark_tui.domain.rules import Rule, RuleEffect, RuleKind, Scope, problem
from spark_tui.link.messages import AnyRequest, DeleteRule, DisableRule, EnableRule, PutRule
from spark_tui.ui.action_words import Action, ActionError, Param, flag, number, whole

Words = Mapping[str, str]

RISK = "risk"  # the screen that shows them

_ID = Param("id", "the rule's name, e.g. btc-position", required=True)


def put(params: Words) -> PutRule:
    """A rule from words. Raises ActionError with what is wrong with it."""
    rule = Rule(
        id=params["id"].strip(),
        kind=kind_of(params["kind"]),
        limit=number(params, "limit"),
        window_s=whole(params, "window"),
        symbols=tuple(params.get("symbols", "").upper().replace(",", " ").split()),
        hours=params.get("hours", "").strip(),
        scope=Scope(
            venue=params.get("venue", "").strip(),
            symbol=params.get("symbol", "").strip().upper(),
            strategy=params.get("strategy", "").strip(),
        ),
        effect=effect_of(params.get("effect", RuleEffect.REFUSE)),
        enabled=flag({"enabled": "yes", **params}, "enabled"),
    )
    if text := problem(rule):
        raise ActionError(f"This is no rule: {text}.")
    return PutRule(rule=rule)


def kind_of(text: str) -> RuleKind:
    try:
        return RuleKind(text.strip().lower().replace("-", "_"))
    except ValueError:
        known = ", ".join(RuleKind)
        raise ActionError(f"kind={text[:40]} is not one of {known}.") from None


def effect_of(text: str) -> RuleEffect:
    try:
        return RuleEffect(text.strip().lower().replace("_", "-"))
    except ValueError:
        raise ActionError(f"effect={text[:40]} is not one of {', '.join(RuleEffect)}.") from None


def _enable(params: Words) -> AnyRequest:
    return EnableRule(rule_id=params["id"])


def _disable(params: Words) -> AnyRequest:
    return DisableRule(rule_id=params["id"])


def _delete(params: Words) -> AnyRequest:
    return DeleteRule(rule_id=params["id"])


RULE_ACTIONS: tuple[Action, ...] = (
    Action(
        "rule.put", "Put a rule", "Create a risk rule, or change the one of that id.",
        group="Rules", trades=True, request=put,
        params=(
            _ID,
            Param("kind", "what is limited, e.g. max_order_notional", required=True),
            Param("limit", "the number it limits to"),
            Param("window", "seconds a rate is counted in, or a cool-down lasts"),
            Param("symbols", "of kind symbols: those that may be traded, A,B"),
            Param("hours", "of kind trading_hours: mon-fri 09:00-17:30, in UTC"),
            Param("symbol", "only orders in this instrument"),
            Param("venue", "only orders at this venue"),
            Param("strategy", "only orders of this strategy: manual, twap, iceberg, trailing"),
            Param("effect", "refuse, reduce-only, halt or halt-and-cancel"),
            Param("enabled", "yes or no"),
        ),
    ),
    Action(
        "rule.enable", "Switch a rule on", "From now on it judges.",
        group="Rules", trades=True, request=_enable, params=(_ID,),
    ),
    Action(
        "rule.disable", "Switch a rule off", "It stays, and judges nothing until it is switched on.",
        group="Rules", trades=True, request=_disable, params=(_ID,),
    ),
    Action(
        "rule.new", "New rule", "Make one: what it limits, where, and what follows when it breaks.",
        keys=("n",), screens=(RISK,), group="Rules", footer="New", trades=True,
    ),
    Action(
        "rule.edit", "Change the rule", "The one under the cursor.",
        keys=("e",), screens=(RISK,), group="Rules", footer="Edit", trades=True,
    ),
    Action(
        "rule.toggle", "Rule on or off", "The one under the cursor; it stays either way.",
        keys=("o",), screens=(RISK,), group="Rules", footer="On/off", trades=True,
    ),
    Action(
        "rule.delete", "Delete a rule", "One made here is gone; an override gives way to the configuration.",
        keys=("x",), screens=(RISK,), group="Rules", footer="Delete", trades=True, request=_delete,
        params=(_ID,),
    ),
)  # fmt: skip
