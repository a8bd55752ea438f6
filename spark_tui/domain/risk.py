"""The one gate: a pure check of an order against the rules, called by the engine and by the ticket alike."""

from decimal import Decimal

import msgspec


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule says. `used` and `allowed` are in the rule's own unit and feed the ticket's bar."""

    rule: str  # stable id: "max_notional"
    label: str  # as shown: "order cap"
    ok: bool
    code: str  # stable denial code when not ok: "MAX_NOTIONAL"
    text: str  # one clear sentence with the cure
    used: Decimal | None = None
    allowed: Decimal | None = None
    unit: str = ""
