"""What the Canary screen's keys do, and arming live trading from the cockpit."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from msgspec import structs

from spark_tui.domain.values import Environment, Side
from spark_tui.link.messages import (
    AnyRequest,
    ArmLive,
    Canaries,
    CanaryKind,
    CanaryRow,
    CanaryVerdict,
    ConfirmCanary,
    RunCanary,
    SoakCanary,
)
from spark_tui.link.service import LinkError
from spark_tui.ui import offers_canary
from spark_tui.ui.actions import ActionError, build_request
from spark_tui.ui.canary_actions import CANARY_ACTIONS

if TYPE_CHECKING:
    from spark_tui.ui.commands import Commands
    from spark_tui.ui.screens.canary import CanaryScreen

Params = Mapping[str, str]

SOAK_S = "60"  # when nothing else was said


class CanaryCommands:
    def __init__(self, commands: "Commands") -> None:
        self._commands = commands
        self._context = commands.context
        self._model = commands.model
        self.table: dict[str, Callable[[Params], None]] = {
            **{action.id: partial(commands.in_words, action) for action in CANARY_ACTIONS},
            "screen.canary": lambda _: commands.app.show_screen("canary"),
            "canary.run": self._run,
            "canary.confirm": self._confirm,
            "canary.soak": self._soak,
            "canary.side": self._side,
            "canary.symbol": self._symbol,
            "live.arm": self._arm,
        }

    def _screen(self) -> "CanaryScreen":
        from spark_tui.ui.screens.canary import CanaryScreen

        found = self._commands.app.cockpit_screen
        assert isinstance(found, CanaryScreen)  # Commands.run has switched to it
        return found

    def _side(self, params: Params) -> None:
        pane = self._screen().next
        pane.side = Side.SELL if pane.side is Side.BUY else Side.BUY
        pane.pull()

    def _symbol(self, params: Params) -> None:
        known = list(self._model.tickers)
        if known:
            at = known.index(self._model.look) + 1 if self._model.look in known else 0
            self._model.set_look(known[at % len(known)], self._model.interval)
            self._commands.app.follow()
            self._screen().next.pull()

    def _words(self, params: Params) -> dict[str, str]:
        """The scope on the screen, as far as nothing else was said."""
        venue, symbol = self._model.look
        scope = {} if "symbol" in params else {"symbol": symbol, "venue": venue}
        return {**scope, "side": self._screen().next.side.value, **params}

    # --- run and confirm -----------------------------------------------------------------------------------

    def _run(self, params: Params) -> None:
        request = self._built("canary.run", params)
        if isinstance(request, RunCanary):
            self._commands.work(self._ask("Canary", request))

    def _confirm(self, params: Params) -> None:
        request = self._built("canary.confirm", params)
        if not isinstance(request, ConfirmCanary):
            return
        run = next((row for row in reversed(self._model.canary_rows.values()) if _is_of(row, request)), None)
        if run is None:
            self._context.say(
                "warn", f"No run of {request.side} {request.symbol} to confirm: r runs it first."
            )
            return
        known = self._model.canaries
        offer = offers_canary.offer_confirm(run, known, self._model.venue_now_ms())
        answer = self._commands.offer(offer)
        self._commands.work(self._confirm_if(answer, request))

    async def _confirm_if(self, answer: Awaitable[str], request: ConfirmCanary) -> None:
        typed = await answer
        if typed:
            await self._ask("Canary", structs.replace(request, typed=typed))

    def _soak(self, params: Params) -> None:
        """A dry one at once; one that places orders after its symbol was typed, whatever the words said."""
        request = self._built("canary.soak", {"duration_s": SOAK_S, **params})
        if not isinstance(request, SoakCanary):
            return
        if request.dry:
            self._commands.work(self._soak_now(request))
            return
        environment = self._commands.environment
        if environment is Environment.LIVE:
            self._context.say("warn", "Soak: no canary places its order with real money; dry=yes looks only.")
            return
        answer = self._commands.offer(offers_canary.offer_soak(request, self._model.canaries, environment))
        self._commands.work(self._soak_if(answer, request))

    async def _soak_if(self, answer: Awaitable[str], request: SoakCanary) -> None:
        typed = await answer
        if typed:
            await self._soak_now(structs.replace(request, typed=typed))

    async def _soak_now(self, request: SoakCanary) -> None:
        """It is answered when it has ended; that it began is asked right behind it."""
        asked = asyncio.ensure_future(self._ask("Soak", request))
        await asyncio.sleep(0)
        self._reload()
        await asked

    # --- live ----------------------------------------------------------------------------------------------

    def _arm(self, params: Params) -> None:
        request = self._built("live.arm", params)
        if not isinstance(request, ArmLive):
            return
        offer = offers_canary.offer_arming(request, self._model.status)
        answer = self._commands.offer(offer)
        self._commands.work(self._arm_if(answer, request))

    async def _arm_if(self, answer: Awaitable[str], request: ArmLive) -> None:
        typed = await answer
        if typed:
            await self._ask("Arm live", structs.replace(request, phrase=typed))

    # --- the engine ----------------------------------------------------------------------------------------

    def _built(self, action: str, params: Params) -> AnyRequest | None:
        on_screen = action != "live.arm"
        words = self._words(params) if on_screen else dict(params)
        try:
            return build_request(action, words)
        except ActionError as error:
            self._context.say("warn", str(error))
            return None

    async def _ask(self, what: str, request: AnyRequest) -> None:
        try:
            result = await self._context.call(request)
        except LinkError as error:
            if error.code == "NO_ANSWER":  # a soak takes as long as it was told to
                self._context.say("warn", f"{what}: it goes on; its row comes when it ends (F6).")
            else:
                self._context.say("bad", f"{what}: {error.text}")
            return
        if isinstance(result, CanaryRow):
            self._model.apply(result)
            self._reload()
        elif isinstance(result, Canaries):
            self._model.set_canaries(result)
        self._commands.app.pump.nudge()

    def _reload(self) -> None:
        """A new canary may have changed more than its row: the first one made the key."""
        from spark_tui.ui.screens.canary import CanaryScreen

        if isinstance(self._commands.app.cockpit_screen, CanaryScreen):
            self._commands.app.cockpit_screen.reload()


def _is_of(row: CanaryRow, request: ConfirmCanary) -> bool:
    """A green run that this confirm would rest on."""
    return (
        row.kind is CanaryKind.RUN
        and row.verdict is CanaryVerdict.GREEN
        and (row.symbol, row.side) == (request.symbol, request.side)
        and request.quantity in {None, row.quantity}
    )
