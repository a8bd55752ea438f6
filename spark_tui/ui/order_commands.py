"""What the keys of the order life do: cancel, amend, replace, dry run, and answering differences."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from spark_tui.domain.order import TERMINAL, Order
from spark_tui.domain.values import Environment
from spark_tui.link.messages import (
    AlgoRow,
    Algos,
    AmendOrder,
    AnyRequest,
    CancelList,
    CancelOrder,
    Differences,
    DrillRow,
    GetAlgos,
    GetDifferences,
    OrderList,
    OrderUpdate,
    PauseAlgo,
    ReplaceOrder,
    ResolveDifference,
    ResumeAlgo,
    RunDrill,
    StartAlgo,
    StopAlgo,
    SubmitList,
    SubmitOrder,
)
from spark_tui.link.service import LinkError
from spark_tui.ui import offers
from spark_tui.ui.actions import BY_ID
from spark_tui.ui.ahead import Ahead
from spark_tui.ui.story import short_id
from spark_tui.ui.widgets.algos import AlgosTable
from spark_tui.ui.widgets.desk import ALIVE, OrdersTable

if TYPE_CHECKING:
    from spark_tui.ui.commands import Commands

Params = Mapping[str, str]


class OrderCommands:
    def __init__(self, commands: "Commands") -> None:
        self._commands = commands
        self._context = commands.context
        self._model = commands.model
        self.table: dict[str, Callable[[Params], None]] = {
            "order.cancel": self._cancel,
            "order.amend": self._amend,
            "order.replace": self._replace,
            "order.test": self._test,
            "algo.pause": self._pause,
            "drill.run": self._drill,
        }

    def attached(self) -> None:
        """What the snapshot does not say is asked."""
        self._commands.work(self._load())

    async def _load(self) -> None:
        for query in (GetDifferences(), GetAlgos()):
            try:
                result = await self._context.call(query)
            except LinkError:
                continue  # they come by themselves with the next change
            if isinstance(result, Differences):
                self._model.apply(result)
            elif isinstance(result, Algos):
                self._model.apply_all(reversed(result.rows))

    async def confirm(self, ahead: Ahead) -> bool:
        """Play money goes out on the ticket's own key; a replacement ends something, so it always asks."""
        request, environment = ahead.request, self._commands.environment
        if not isinstance(request, ReplaceOrder) and not offers.needs_confirming(environment):
            return True
        match request:
            case ReplaceOrder(client_order_id=key):
                old = self._model.orders.get(key)
                if old is None:
                    return False
                offer = offers.offer_replace(old.order, request, ahead, self._model, environment)
            case StartAlgo():
                offer = offers.offer_algo(request, ahead, self._model, environment)
            case SubmitList():
                offer = offers.offer_list(request, ahead, self._model, environment)
            case SubmitOrder():
                offer = offers.offer_order(request, ahead, self._model, environment)
            case _:
                return False
        return bool(await self._commands.offer(offer))

    # --- the selected order --------------------------------------------------------------------------------

    def _selected(self, params: Params, deed: str) -> OrderUpdate | None:
        """The open order named, or under the cursor; None after having said why there is none."""
        table = self._commands.trade().desk
        key = params.get("client_order_id", "")
        if not key and isinstance(table, OrdersTable) and table.cursor:
            key = table.cursor[0]
        update = self._model.orders.get(key)
        if update is None:
            self._context.say("info", f"Nothing to {deed}: select an order first (1, then ↑ ↓).")
            return None
        if update.order.state in TERMINAL:
            self._context.say("info", f"{short_id(key)} is {update.order.state}; nothing is left to {deed}.")
            return None
        return update

    def _ours(self, params: Params, deed: str) -> Order | None:
        """A selected order that may be changed in place."""
        update = self._selected(params, deed)
        if update is None:
            return None
        name = short_id(update.order.client_order_id)
        if update.external:
            self._context.say("info", f"{name} was placed elsewhere: it can be cancelled here, not changed.")
            return None
        if update.order.part is not None:
            self._context.say("info", f"{name} is a leg of a list: cancel the list (x) and place another.")
            return None
        return update.order

    def _cancel(self, params: Params) -> None:
        algos = self._commands.trade().desk
        if isinstance(algos, AlgosTable) and not params:
            self._stop(algos)
            return
        update = self._selected(params, "cancel")
        if update is None:
            return
        order, environment = update.order, self._commands.environment
        request: AnyRequest = CancelOrder(client_order_id=order.client_order_id)
        offer = offers.offer_cancel(order, self._model, environment)
        if order.part is not None:
            request = CancelList(list_id=order.part.list_id)
            legs = [row.order for row in self._model.legs(order.part.list_id)]
            offer = offers.offer_cancel_list(order, legs, self._model, environment)
        answer = self._commands.offer(offer)
        self._commands.work(self._ask_if(answer, request, f"{short_id(order.client_order_id)} not cancelled"))

    def _amend(self, params: Params) -> None:
        if params.get("quantity"):
            self._commands.in_words(BY_ID["order.amend"], params)
            return
        order = self._ours(params, "amend")
        if order is None:
            return
        instrument = self._model.instruments.get((order.request.venue, order.request.symbol))
        if instrument is None or not instrument.amend_allowed:
            self._context.say("info", f"{order.request.symbol} takes no amends; e replaces the order.")
            return
        from spark_tui.ui.screens.amend import AmendScreen  # lazy: start-up is counted

        dialog = AmendScreen(self._context, order, instrument, self._commands.environment)
        self._commands.work(self._amend_if(self._commands.app.open(dialog), order.client_order_id))

    async def _amend_if(self, answer: Awaitable[str], key: str) -> None:
        if typed := await answer:
            await self._ask(
                AmendOrder(client_order_id=key, quantity=offers.amount(typed)), f"{short_id(key)} not amended"
            )

    def _replace(self, params: Params) -> None:
        if len(params) > 1:
            self._commands.in_words(BY_ID["order.replace"], params)
            return
        order = self._ours(params, "replace")
        if order is None:
            return
        request = order.request
        instrument = self._model.instruments.get((request.venue, request.symbol))
        if instrument is None or not instrument.cancel_replace_allowed:
            self._context.say("info", f"{request.symbol} takes no replacements; cancel it and send another.")
            return
        ticket = self._commands.ticket()
        if (request.venue, request.symbol) != self._model.look:
            self._commands.run("focus", {"symbol": request.symbol, "venue": request.venue})
            ticket.pull()
        ticket.replace(order)

    def _test(self, params: Params) -> None:
        if params:
            self._commands.in_words(BY_ID["order.test"], params)
        else:
            self._commands.work(self._commands.ticket().sending.test())

    # --- algos ---------------------------------------------------------------------------------------------

    def _stop(self, table: AlgosTable) -> None:
        row = table.selected()
        if row is None or row.state not in ALIVE:
            self._context.say("info", "Nothing to stop: this algo is over." if row else "No algo to stop.")
            return
        answer = self._commands.offer(offers.offer_stop_algo(row, self._model, self._commands.environment))
        failed = f"algo {short_id(row.algo_id)} not stopped"
        self._commands.work(self._ask_if(answer, StopAlgo(algo_id=row.algo_id), failed))

    def _pause(self, params: Params) -> None:
        """Pause or resume the selected one: neither places anything that was not asked for."""
        if params:
            self._commands.in_words(BY_ID["algo.pause"], params)
            return
        table = self._commands.trade().desk
        row = table.selected() if isinstance(table, AlgosTable) else None
        if row is None or row.state not in {"RUNNING", "PAUSED"}:
            self._context.say("info", "Nothing to pause: select an algo at work first (6, then ↑ ↓).")
            return
        paused = row.state == "PAUSED"
        request = ResumeAlgo(algo_id=row.algo_id) if paused else PauseAlgo(algo_id=row.algo_id)
        what = "resumed" if paused else "paused"
        self._commands.work(self._ask(request, f"algo {short_id(row.algo_id)} not {what}"))

    # --- drills --------------------------------------------------------------------------------------------

    def _drill(self, params: Params) -> None:
        """Play money on a simulator: nothing to confirm."""
        if params:
            self._commands.in_words(BY_ID["drill.run"], params)
            return
        if self._commands.environment is not Environment.SIM:
            self._context.say("info", "Drills run on the simulator only.")
            return
        from spark_tui.ui.screens.drills import DrillsScreen  # lazy: only on the simulator

        screen = self._commands.app.cockpit_screen
        row = screen.table.selected() if isinstance(screen, DrillsScreen) and screen.is_mounted else None
        if row is None:
            self._context.say("info", "No drill is selected: ↑ ↓, then r.")
        else:
            request = RunDrill(name=row.name, seed=row.seed + 1)
            self._commands.work(self._ask(request, f"{row.name} not run"))

    # --- differences ---------------------------------------------------------------------------------------

    def answer_difference(self, difference_id: str) -> bool:
        """Open the question, when it is one."""
        row = self._model.difference(difference_id)
        if row is None or not row.choices:
            return False
        if self._context.read_only:
            self._context.say("warn", "This cockpit is read-only: differences are answered elsewhere.")
            return True
        offer = offers.offer_difference(row, self._commands.environment)
        self._commands.work(self._answer_if(self._commands.offer(offer), difference_id, row.choices))
        return True

    async def _answer_if(self, answer: Awaitable[str], difference_id: str, choices: tuple[str, ...]) -> None:
        key = await answer
        choice = next((choice for other, choice in offers.choice_keys(choices) if other == key), "")
        if choice:
            await self._ask(
                ResolveDifference(difference_id=difference_id, choice=choice), "The difference stays"
            )

    # --- asking --------------------------------------------------------------------------------------------

    async def _ask_if(self, confirmed: Awaitable[str], request: AnyRequest, failed: str) -> None:
        if await confirmed:
            await self._ask(request, failed)
        self._commands.app.pump.nudge()

    async def _ask(self, request: AnyRequest, failed: str) -> None:
        """What the engine answers is shown; a refusal says what did not happen, and why."""
        try:
            result = await self._context.call(request)
        except LinkError as error:
            self._context.say("bad", f"{failed}: {error.text}")
        else:
            if isinstance(result, OrderUpdate | Differences | AlgoRow | DrillRow):
                self._model.apply(result)
            elif isinstance(result, OrderList):
                self._model.apply_all(result.legs)
        self._commands.app.pump.nudge()
