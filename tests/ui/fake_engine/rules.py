"""The rules of the scripted engine: the standard ones, one of the configuration, one that overrides it."""

from decimal import Decimal

from msgspec import structs

from spark_tui.domain.rules import KINDS, STANDARD, UNNAMED, Rule, RuleEffect, RuleKind, Scope, unit_words
from spark_tui.link.messages import DeleteRule, DisableRule, EnableRule, PutRule, RuleRow, Rules
from spark_tui.link.service import LinkError
from tests.ui.fake_engine.world import START_MS

D = Decimal
USED = {"slippage": None, "price-band": None, "order-rate": D(14), "position-share": D("7.46")}
CAP = Rule(id="max-notional", kind=RuleKind.MAX_ORDER_NOTIONAL, limit=D(2_500))
BTC = Rule(
    id="btc-position",
    kind=RuleKind.MAX_POSITION_NOTIONAL,
    limit=D(20_000),
    scope=Scope(symbol="BTCUSDT"),
    effect=RuleEffect.REDUCE_ONLY,
)
HOURS = Rule(
    id="office",
    kind=RuleKind.TRADING_HOURS,
    hours="mon-fri 07:00-19:00",
    effect=RuleEffect.HALT,
    enabled=False,
)


class FakeRules:
    def __init__(self) -> None:
        self.rows = {rule.id: row(rule, "standard", USED.get(rule.id, D(0))) for rule in STANDARD}
        lowered = structs.replace(CAP, limit=D(1_000))
        self.rows["max-notional"] = structs.replace(row(lowered, "override", None), base=CAP, **who())
        over = structs.replace(row(BTC, "cockpit", D(23_400)), ok=False, text="over the limit", **who())
        self.rows["btc-position"] = over
        self.rows["office"] = row(HOURS, "config", None)

    def view(self) -> Rules:
        return Rules(rows=tuple(self.rows.values()))

    def change(self, ask: PutRule | EnableRule | DisableRule | DeleteRule) -> Rules:
        match ask:
            case PutRule(rule=rule):
                origin = "override" if rule.id in self.rows else "cockpit"
                self.rows[rule.id] = structs.replace(row(rule, origin, None), **who())
            case EnableRule(rule_id=key) | DisableRule(rule_id=key):
                if key not in self.rows:
                    raise LinkError("NO_SUCH_RULE", f"There is no rule {key!r}.")
                rule = structs.replace(self.rows[key].rule, enabled=isinstance(ask, EnableRule))
                self.rows[key] = structs.replace(self.rows[key], rule=rule)
            case DeleteRule(rule_id=key):
                del self.rows[key]
        return self.view()


def who() -> dict[str, object]:
    return {"changed_by": "ozan", "changed_ms": START_MS - 812_000}


def row(rule: Rule, origin: str, used: Decimal | None) -> RuleRow:
    kind = KINDS[rule.kind]
    unit = unit_words(rule, ("BTC", "USDT") if rule.scope.symbol else UNNAMED, "USDT")
    within = f" in its {unit}" if unit in UNNAMED else f" {unit}" if unit else ""
    if rule.kind is RuleKind.MAX_ORDER_RATE:
        unit, within = f"/{rule.window_s} s", f" in {rule.window_s} s"
    said = f"{kind.title} {rule.limit if rule.limit is not None else rule.hours}{within}"
    return RuleRow(
        rule=rule,
        origin=origin,
        label=kind.label,
        said=said,
        ok=True,
        text="within the limit" if used is not None else "asked of every order",
        used=used,
        allowed=rule.limit,
        headroom=None if used is None or rule.limit is None else max(rule.limit - used, D(0)),
        unit=unit,
    )
