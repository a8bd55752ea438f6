"""Short ways to look at the twins of an engine under test."""

from spark_tui.domain.market import Trade
from spark_tui.link.messages import Diff, DiffRow, GetDiff
from tests.engine.fake_venue import SYMBOL
from tests.engine.harness import Rig


async def diff(it: Rig) -> Diff:
    found = await it.ask(GetDiff())
    assert isinstance(found, Diff)
    return found


async def rows(it: Rig) -> dict[str, DiffRow]:
    return {row.client_order_id: row for row in (await diff(it)).rows}


async def only(it: Rig) -> DiffRow:
    [row] = (await diff(it)).rows
    return row


def trade(it: Rig, price: float, quantity: float, number: int = 1) -> None:
    """A seller takes."""
    it.venue.market(Trade(SYMBOL, number, price, quantity, it.venue.server_time_ms(), True))
