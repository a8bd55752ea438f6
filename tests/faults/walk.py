"""A seeded walk: random intents and random faults against the real engine and the real simulator, with the
invariants after every step. One seed is one walk.
"""

from typing import Any

from spark_tui.domain.order import Order
from spark_tui.domain.values import LegRole, ListKind, OrderType, Side
from spark_tui.link.messages import (
    AmendOrder,
    CancelAll,
    CancelOrder,
    Kill,
    Reconcile,
    ReplaceOrder,
    Resume,
    SubmitLeg,
    SubmitList,
    SubmitOrder,
)
from spark_tui.simulator.fixed import SCALE
from tests.faults.invariants import CheckedWorld
from tests.faults.world import MIDDLE, SYMBOL, UNDECIDED, VENUE, D


class Walker(CheckedWorld):
    """`act` takes one random step; `dice` decides everything that is random."""

    def working(self) -> Order | None:
        found = [one for one in self.state.open_orders(VENUE) if one.state not in UNDECIDED]
        return self.dice.choice(found) if found else None

    async def act(self) -> None:
        """One random step."""
        name = self.dice.choices(tuple(ACTIONS), weights=tuple(ACTIONS.values()))[0]
        self.story.append(name)
        await getattr(self, f"do_{name}")()
        self.check()

    @property
    def _patience(self) -> float:
        return self.dice.choice((0.0, 0.3, 2.0))

    async def do_submit(self) -> None:
        await self.ask(self.order(), self._patience)

    async def do_cancel(self) -> None:
        if (order := self.working()) is not None:
            await self.ask(CancelOrder(client_order_id=order.client_order_id), self._patience)

    async def do_cancel_all(self) -> None:
        await self.ask(CancelAll(symbol=SYMBOL), self._patience)

    async def do_amend(self) -> None:
        if (order := self.working()) is not None and order.request.quantity is not None:
            quantity = (order.filled + order.request.quantity) / 2
            await self.ask(
                AmendOrder(client_order_id=order.client_order_id, quantity=quantity.quantize(D("0.00001"))),
                self._patience,
            )

    async def do_replace(self) -> None:
        if (order := self.working()) is not None:
            new = self.order(order.request.side, MIDDLE - 7 if order.request.side is Side.BUY else MIDDLE + 7)
            allow = self.dice.random() < 0.3
            await self.ask(
                ReplaceOrder(client_order_id=order.client_order_id, order=new, allow_failure=allow),
                self._patience,
            )

    async def do_oco(self) -> None:
        quantity = D("0.01")
        above = SubmitOrder(
            symbol=SYMBOL, side=Side.SELL, type=OrderType.LIMIT_MAKER, quantity=quantity, price=D(MIDDLE + 40)
        )
        below = SubmitOrder(
            symbol=SYMBOL,
            side=Side.SELL,
            type=OrderType.STOP_LOSS,
            quantity=quantity,
            stop_price=D(MIDDLE - 8),
        )
        legs = (SubmitLeg(role=LegRole.ABOVE, order=above), SubmitLeg(role=LegRole.BELOW, order=below))
        await self.ask(SubmitList(kind=ListKind.OCO, legs=legs), self._patience)

    async def do_hit(self) -> None:
        self.hit(buy=self.dice.random() < 0.5, quantity=self.dice.randrange(1, 40) * SCALE // 1_000 * 10)
        await self.live(0.05)

    async def do_wait(self) -> None:
        await self.live(self.dice.choice((0.1, 1.0, 5.0, 20.0)))

    async def do_kill(self) -> None:
        await self.ask(Kill(reason="the walk says so"), self._patience)

    async def do_resume(self) -> None:
        await self.ask(Resume(reason="the walk goes on"), 1.0)

    async def do_reconcile(self) -> None:
        await self.ask(Reconcile(), self._patience)

    async def do_crash(self) -> None:
        await self.crash()
        await self.start()

    async def do_fault(self) -> None:
        verb, choices = self.dice.choice(FAULTS)
        args = {name: self.dice.choice(values) for name, values in choices.items()}
        self.story[-1] = f"fault {verb} {args}"
        self.simulation.faults.arm(verb, args)


ACTIONS = {
    "submit": 10,
    "cancel": 5,
    "cancel_all": 1,
    "amend": 2,
    "replace": 2,
    "oco": 1,
    "hit": 6,
    "wait": 5,
    "kill": 1,
    "resume": 2,
    "reconcile": 1,
    "crash": 1,
    "fault": 9,
}
_TRADES = ("order.place", "order.cancel", "any")
FAULTS: tuple[tuple[str, dict[str, tuple[Any, ...]]], ...] = (
    ("accept-drop-reply", {"cut": (False, True), "method": _TRADES}),
    ("reject", {"method": ("order.place", "order.cancel"), "times": (1, 3)}),
    ("error-reply", {"code": (-1007, -1006, -1001, 503), "method": _TRADES, "done": (True, False)}),
    ("error-reply", {"code": (429, 418), "retry_after": (2, 20), "method": _TRADES}),
    ("delay-reply", {"ms": (300, 3_000, 15_000), "method": _TRADES}),
    ("reorder-reply", {"order": ("reply-first", "reply-last", "swap"), "method": _TRADES, "times": (1, 3)}),
    ("duplicate-event", {"kind": ("any", "TRADE", "NEW"), "times": (1, 4)}),
    ("drop-event", {"kind": ("any", "TRADE", "NEW", "CANCELED", "balance"), "times": (1, 4)}),
    ("duplicate-event", {"stream": ("depth",), "times": (1, 2)}),
    ("drop-event", {"stream": ("depth",), "times": (1, 2)}),
    ("split-fill", {"parts": (2, 5)}),
    ("overfill", {"steps": (1, 50)}),
    ("fill-after-cancel", {"percent": (10, 100), "ms": (0, 500, 5_000)}),
    ("cancel-reject-filled", {"late": (0, 700)}),
    ("replica-lag", {"ms": (500, 3_000), "times": (1, 5)}),
    ("external-order", {"side": ("BUY", "SELL"), "kind": ("LIMIT", "MARKET")}),
    ("external-close", {"ms": (0, 400)}),
    ("expire-user-stream", {"now": (True, False)}),
    ("server-shutdown", {"lead_ms": (0, 500), "silent": (True, False)}),
    ("blackhole", {}),
    ("close-mid-frame", {}),
    ("clock", {"step_ms": (-3_000, 3_000, 400)}),
    ("clock", {"drift_ppm": (50, -50)}),
    ("clock", {"suspend_s": (60,)}),
    ("symbol-status", {"status": ("HALT", "CANCEL_ONLY"), "back_ms": (800, 5_000)}),
    ("foreign-execution", {"kind": ("TRADE_PREVENTION", "CALCULATED", "REPLACED")}),
)


async def walk(seed: int, steps: int) -> Walker:
    """The world after `steps` random steps and its settling. Raises Violation."""
    world = Walker(seed)
    await world.start()
    try:
        for _ in range(steps):
            await world.act()
        await world.settle()
    finally:
        await world.crash()
    return world
