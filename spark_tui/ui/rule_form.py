"""A rule being typed: which fields its kind has, and what they make. Pure; the dialog feeds and shows it."""

from dataclasses import dataclass, field

from spark_tui.domain.decimals import short
from spark_tui.domain.rules import KINDS, MANUAL, Rule, RuleEffect, RuleKind, Unit
from spark_tui.link.messages import PutRule
from spark_tui.ui.action_words import ActionError
from spark_tui.ui.entry import Entry
from spark_tui.ui.rule_actions import put

UNITS = {
    Unit.QUOTE: "in the quote asset",
    Unit.BASE: "in the base asset",
    Unit.ACCOUNT: "in USDT",
    Unit.PERCENT: "percent",
    Unit.BASIS_POINTS: "basis points",
    Unit.TIMES: "times equity",
    Unit.COUNT: "at most",
    Unit.NONE: "",
}
CHOICES: dict[str, tuple[str, ...]] = {
    "kind": tuple(RuleKind),
    "effect": tuple(RuleEffect),
    "strategy": ("", MANUAL, "twap", "iceberg", "trailing"),
}
LABELS = {"id": "name", "kind": "limits", "window": "seconds"}


@dataclass(slots=True)
class RuleForm:
    """`kept`: the rule that is changed; its name and whether it is on stay as they are."""

    kept: Rule | None = None
    texts: dict[str, Entry] = field(default_factory=dict)
    at: int = 0

    def __post_init__(self) -> None:
        rule = self.kept or Rule(id="", kind=RuleKind.MAX_ORDER_NOTIONAL)
        said = {
            "id": rule.id,
            "kind": rule.kind.value,
            "limit": "" if rule.limit is None else short(rule.limit),
            "window": "" if rule.window_s is None else str(rule.window_s),
            "symbols": " ".join(rule.symbols),
            "hours": rule.hours,
            "symbol": rule.scope.symbol,
            "venue": rule.scope.venue,
            "strategy": rule.scope.strategy,
            "effect": rule.effect.value,
        }
        for name, text in said.items():
            self.texts[name] = Entry()
            self.texts[name].insert(text)
        if self.kept is not None:
            self.at = self.fields.index("limit") if "limit" in self.fields else 0

    @property
    def kind(self) -> RuleKind:
        return RuleKind(self.texts["kind"].text)

    @property
    def fields(self) -> tuple[str, ...]:
        """Those that this kind has, in the order shown."""
        kind = KINDS[self.kind]
        own = {RuleKind.SYMBOLS: "symbols", RuleKind.TRADING_HOURS: "hours"}.get(self.kind, "limit")
        names = ["id"] if self.kept is None else []
        names += ["kind", own]
        names += ["window"] if kind.windowed else []
        names += [] if kind.account else ["symbol", "venue", "strategy"]
        return (*names, "effect")

    @property
    def field(self) -> str:
        return self.fields[min(self.at, len(self.fields) - 1)]

    def move(self, by: int) -> None:
        self.at = (self.fields.index(self.field) + by) % len(self.fields)

    def press(self, key: str, character: str | None) -> None:
        choices = CHOICES.get(self.field)
        if choices is None:
            self.texts[self.field].press(key, character)
        elif key in ("left", "right", "space"):
            name = self.field
            at = choices.index(self.texts[name].text) + (-1 if key == "left" else 1)
            self.texts[name] = Entry()
            self.texts[name].insert(choices[at % len(choices)])

    def request(self) -> PutRule:
        """Raises ActionError with what is wrong."""
        words = {name: self.texts[name].text for name in self.fields if self.texts[name].text.strip()}
        if self.kept is not None:
            words |= {"id": self.kept.id, "enabled": "yes" if self.kept.enabled else "no"}
        if not words.get("id", "").strip():
            raise ActionError("give it a name, such as btc-position")
        return put(words)

    def beside(self, name: str) -> str:
        """A word beside the field."""
        match name:
            case "limit":
                return UNITS[KINDS[self.kind].unit]
            case "window":
                return "of rest" if KINDS[self.kind].standing else "it is counted in"
            case "hours":
                return "UTC: mon-fri 09:00-17:30"
            case "symbol" | "venue" | "strategy":
                return "" if self.texts[name].text else "any"
            case "kind":
                return KINDS[self.kind].title
            case _:
                return ""
