"""The plan of one venue with one instrument, as an engine leaves it on disk."""

from decimal import Decimal

import msgspec

from spark_tui.domain.values import Environment
from spark_tui.venues.kill_plan import Held, KeyPlan, KeySource, KillPlan, VenuePlan
from tests.engine.fake_venue import NAME, SYMBOL

VENUE = VenuePlan(
    venue=NAME,
    environment=Environment.SIM,
    rest="http://127.0.0.1:1",
    streams="ws://127.0.0.1:1",
    ws_api="ws://127.0.0.1:1",
    key=KeyPlan(source=KeySource.SIMULATOR),
)


def plan(quantity: Decimal) -> KillPlan:
    """`quantity`: base that the instrument holds."""
    held = Held(symbol=SYMBOL, base="BTC", quote="USDT", quantity=quantity, counted_to=100)
    return KillPlan(venues=(msgspec.structs.replace(VENUE, held=(held,)),), written_ms=0)
