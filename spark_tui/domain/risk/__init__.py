"""The one gate: a pure check of an order against the rules, called by the engine and by the ticket alike.

Every rule answers, in a fixed order, and none hides another. What cannot be judged is refused: a missing
price, a NaN, a zero where a price should be (F28, F61). One module a family: `always` cannot be switched off,
`order_rules` look at the order, `exposure_rules` at what may come of it, `count_rules` at how many and how
fast, `standing` at what breaks without an order, `amend_rules` at one that shrinks.
"""

from spark_tui.domain.risk.amend_rules import check_amend
from spark_tui.domain.risk.check import check, concerns, gauge
from spark_tui.domain.risk.common import expected_price, most_worth
from spark_tui.domain.risk.context import Around, Exposure, Measure, RiskContext
from spark_tui.domain.risk.exposure_rules import EXPOSURE_KINDS
from spark_tui.domain.risk.standing import is_blind
from spark_tui.domain.risk.verdict import Verdict, passes

__all__ = [
    "EXPOSURE_KINDS",
    "Around",
    "Exposure",
    "Measure",
    "RiskContext",
    "Verdict",
    "check",
    "check_amend",
    "concerns",
    "expected_price",
    "gauge",
    "is_blind",
    "most_worth",
    "passes",
]
