"""The commands that make everything stop, and the one that lets it go on: cancel all, kill, resume."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from spark_tui.domain.values import TradingState
from spark_tui.link.messages import CancelAll, CancelAllResult, Kill, Resume
from spark_tui.link.service import LinkError
from spark_tui.ui import offers
from spark_tui.ui.widgets.bars import Banner

if TYPE_CHECKING:
    from spark_tui.ui.commands import Commands

_OUTSIDE = "or, outside: spark-tui kill"  # needs no engine

Params = Mapping[str, str]

CODES = tuple(str(code) for code in range(10, 100) if code % 11)  # no held key types two different digits


class SafetyCommands:
    def __init__(self, commands: "Commands") -> None:
        self._commands = commands
        self._app = commands.app
        self._context = commands.context
        self._model = commands.model
        self._owed = ""  # the reason of a kill that the engine has not confirmed
        self.table: dict[str, Callable[[Params], None]] = {
            "order.cancel-all": self._cancel_all,
            "kill": self._kill,
            "resume": self._resume,
        }

    def _cancel_all(self, params: Params) -> None:
        orders = [
            row
            for row in self._model.open_orders()
            if params.get("symbol", row.order.request.symbol).upper() == row.order.request.symbol
        ]
        if not orders:
            self._context.say("info", "No open orders to cancel.")
            return
        code = CODES[self._context.clock.wall_ms() // 1_000 % len(CODES)]
        offer = offers.offer_cancel_all(orders, self._model, self._commands.environment, code)
        request = CancelAll(symbol=params.get("symbol", "").upper())
        self._commands.work(self._cancel_all_if(self._commands.offer(offer), request))

    async def _cancel_all_if(self, confirmed: Awaitable[str], request: CancelAll) -> None:
        if not await confirmed:
            return
        try:
            result = await self._context.call(request)
        except LinkError as error:
            self._context.say("bad", f"Cancel all: {error.text}")
            return
        if isinstance(result, CancelAllResult):
            self._context.say("warn" if result.left else "good", f"Cancel all: {_swept(result)}")

    def _kill(self, params: Params) -> None:
        """At once, without asking: a halt is always safe. Whatever dialog was open is gone with it."""
        self._commands.work(self._kill_now(params.get("reason", "operator")))
        self._app.close_dialogs()

    async def _kill_now(self, reason: str) -> None:
        self._model.alarm = f"KILL sent, waiting for the engine · {_OUTSIDE}"
        self._owed = reason
        self._show_banner()
        try:
            result = await self._context.call(Kill(reason=reason))
        except LinkError as error:
            self._model.alarm = f"KILL NOT CONFIRMED, repeated when the engine is back · {_OUTSIDE}"
            self._context.say("bad", f"{self._model.alarm} · {error.text}")
            self._app.bell()
        else:
            self._model.alarm = self._owed = ""
            if isinstance(result, CancelAllResult):
                self._model.kill_result = _swept(result)
                self._context.say("bad", f"KILL: halted, {self._model.kill_result}")
        self._show_banner()
        self._app.pump.nudge()

    def attached(self) -> None:
        """The engine is back: a kill it never confirmed is asked again, for a halt is always safe."""
        if self._owed:
            self._commands.work(self._kill_now(self._owed))

    def _show_banner(self) -> None:
        self._app.cockpit_screen.query_one(Banner).pull()

    def _resume(self, params: Params) -> None:
        from spark_tui.ui.screens.reason import ReasonScreen  # lazy: rarely needed

        status = self._model.status
        if status is not None and status.trading_state is TradingState.ACTIVE:
            self._context.say("info", "Trading is ACTIVE; there is nothing to resume.")
            return
        halted = f"halted by {status.halt_reason}" if status else "halted"
        title = f"Resume trading · {self._commands.environment}"
        dialog = ReasonScreen(self._context, title, f"Trading is {halted}.", params.get("reason", ""))
        self._commands.work(self._resume_with(self._app.open(dialog)))

    async def _resume_with(self, answer: Awaitable[str]) -> None:
        reason = await answer
        if not reason:
            return
        try:
            await self._context.call(Resume(reason=reason))
        except LinkError as error:
            self._context.say("bad", f"Not resumed: {error.text}")
            return
        self._model.kill_result = ""
        self._context.say("good", f"Resumed: {reason}")
        self._app.pump.nudge()


def _swept(result: CancelAllResult) -> str:
    errors = f", {result.errors[0]}" if result.errors else ""
    return f"{len(result.canceled)} cancelled, {len(result.left)} left{errors}"
