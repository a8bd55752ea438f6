"""A plan from before an instrument was traded, and what was traded there since."""

import msgspec

from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import OrderType, Side
from spark_tui.venues.kill_plan import Held, KillPlan
from spark_tui.venues.port import TradeReport
from tests.engine.fake_venue import NAME, SYMBOL, D
from tests.rescue.plans import plan
from tests.rescue.test_late import BUY, Scene

UNTOLD = Held(symbol=SYMBOL, base="BTC", quote="USDT", quantity=D("0.5"), counted_to=None)


def older(held: tuple[Held, ...] = ()) -> KillPlan:
    """A plan from before the instrument was traded."""
    whole = plan(D(0))
    return msgspec.structs.replace(
        whole, venues=tuple(msgspec.structs.replace(one, held=held) for one in whole.venues)
    )


def bought(scene: Scene, client_id: str) -> None:
    scene.venue.external(client_id, BUY)
    scene.venue.fill(client_id, quiet=True)


def heard(scene: Scene, ended_ms: int | None = None) -> None:
    """The venue had a word on them."""
    scene.known = [msgspec.structs.replace(one, heard=True, ended_ms=ended_ms) for one in scene.known]


def sold(scene: Scene, client_id: str, quantity: str) -> None:
    request = OrderRequest(
        venue=NAME, symbol=SYMBOL, side=Side.SELL, type=OrderType.MARKET, quantity=D(quantity)
    )
    scene.venue.external(client_id, request)
    scene.venue.fill(client_id, quiet=True)


def unlisted(scene: Scene) -> list[TradeReport]:
    """What was traded until now, which no list has yet."""
    trades, scene.venue.account_trades = scene.venue.account_trades, []
    return trades
