"""Risk rules as an operator writes them in the configuration: `[[risk.rules]]`."""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from spark_tui.domain.rules import Rule, RuleEffect, RuleKind, Scope, problem


def _lower(value: object) -> object:
    return value.strip().lower().replace("_", "-") if isinstance(value, str) else value


def _kind(value: object) -> object:
    return value.strip().lower().replace("-", "_") if isinstance(value, str) else value


def _upper(value: object) -> object:
    return value.strip().upper() if isinstance(value, str) else value


def _symbols(value: object) -> object:
    words = value.replace(",", " ").split() if isinstance(value, str) else value
    return [_upper(word) for word in words] if isinstance(words, list) else words


class RuleForm(BaseModel):
    """One rule. `venue`, `symbol` and `strategy` narrow it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    id: str
    kind: Annotated[RuleKind, BeforeValidator(_kind)]
    limit: Annotated[Decimal | None, Field(allow_inf_nan=False)] = None
    window_s: int | None = None
    symbols: Annotated[tuple[str, ...], BeforeValidator(_symbols)] = ()
    hours: str = ""
    venue: str = ""
    symbol: Annotated[str, BeforeValidator(_upper)] = ""
    strategy: str = ""
    effect: Annotated[RuleEffect, BeforeValidator(_lower)] = RuleEffect.REFUSE
    enabled: bool = True

    @model_validator(mode="after")
    def _is_a_rule(self) -> "RuleForm":
        if text := problem(self.rule()):
            raise ValueError(text)
        return self

    def rule(self) -> Rule:
        return Rule(
            id=self.id,
            kind=self.kind,
            limit=self.limit,
            window_s=self.window_s,
            symbols=self.symbols,
            hours=self.hours,
            scope=Scope(venue=self.venue, symbol=self.symbol, strategy=self.strategy),
            effect=self.effect,
            enabled=self.enabled,
        )
