"""Joins the algos to the engine: looks for them, does what they want, tells what they are."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Final, Protocol

from spark_tui.domain.book import Quote, Unusable
from spark_tui.domain.decimals import from_float
from spark_tui.domain.instrument import Instrument
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import Side
from spark_tui.engine.algos.core import step
from spark_tui.engine.algos.plan import make_plan
from spark_tui.engine.algos.state import ENDED, AlgoState, Phase
from spark_tui.engine.algos.view import algo_row
from spark_tui.engine.algos.words import (
    Cancel,
    Command,
    Event,
    Look,
    Note,
    Pause,
    Resume,
    Stop,
    Submit,
    Wait,
)
from spark_tui.engine.journal import Journal
from spark_tui.engine.records import AlgoEvent, AlgoStarted
from spark_tui.engine.supervise import Notify, Supervisor
from spark_tui.link.messages import AlgoRow, OrderUpdate, StartAlgo
from spark_tui.link.messages import Algos as AlgosView
from spark_tui.link.service import LinkError
from spark_tui.wire.clock import NS_PER_MS, NS_PER_S, Clock

LOOK_S: Final = 0.2  # between two looks of one algo
MAX_LIVE: Final = 50
_AGAIN_NS: Final = (
    2 * NS_PER_S
)  # between two tries to cancel one child, or to submit one that could not begin


class Surroundings(Protocol):
    """What algos see of the engine."""

    def instrument(self, venue: str, symbol: str) -> Instrument | None: ...

    def quote(self, venue: str, symbol: str) -> Quote | Unusable: ...

    def halted(self) -> str:
        """Why trading is halted; empty while it is not."""

    def hold(self, venue: str) -> str:
        """Why nothing new may leave to this venue just now (it is being reconciled); empty when it may."""


SubmitChild = Callable[[OrderRequest, str, str, str], Awaitable[OrderUpdate]]
CancelChild = Callable[[str], Awaitable[OrderUpdate]]


class Algos:
    """`submit` (request, operator, key, parent) is the one gate's; `cancel` takes a child's client order id.
    `next_id` gives a new id, or raises LinkError while nothing can be recorded. `floor_notional`: the guard's
    own least order."""

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        supervisor: Supervisor,
        around: Surroundings,
        *,
        submit: SubmitChild,
        cancel: CancelChild,
        next_id: Callable[[], str],
        publish: Callable[[AlgoRow], None],
        notify: Notify,
        floor_notional: Decimal | None = None,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._supervisor = supervisor
        self._around = around
        self._submit = submit
        self._cancel = cancel
        self._next_id = next_id
        self._publish = publish
        self._notify = notify
        self._floor_notional = floor_notional
        self._busy: set[str] = set()  # algos whose child is on its way into the ledger and out
        self._again_ns: dict[str, int] = {}  # algo or child id -> not before
        self._waits: dict[str, Wait] = {}
        self._shown: dict[str, AlgoRow] = {}  # of living algos: what was published last

    # --- what a face asks ----------------------------------------------------------------------------------

    async def start(self, start: StartAlgo, venue: str, operator: str) -> AlgoRow:
        """A running algo, durable; the same key with the same body is the same algo again. Raises LinkError:
        ALGO (with what is wrong), KEY_REUSED, HALTED, LEDGER_UNAVAILABLE, STOPPING."""
        known = self._by_key(start.key)
        if known is not None:
            if (known.start, known.venue) != (start, venue):
                raise LinkError(
                    "KEY_REUSED",
                    f"Key {start.key!r} belongs to another algo ({known.algo_id}); use a new key.",
                )
            return self._row(known)
        if halted := self._around.halted():
            raise LinkError("HALTED", f"Trading is halted: {halted}; resume before starting an algo.")
        if sum(algo.phase not in ENDED for algo in self._algos()) >= MAX_LIVE:
            raise LinkError("ALGO", f"{MAX_LIVE} algos are at work already; stop one first.")
        instrument = self._around.instrument(venue, start.symbol)
        if instrument is None:
            raise LinkError("ALGO", f"{venue} lists no {start.symbol}, or is not up yet.")
        algo_id = f"algo-{self._next_id()}"
        price = self._price(venue, start)
        plan = make_plan(algo_id, start, venue, instrument, price, self._floor_notional)
        record = AlgoStarted(
            algo_id=algo_id, start=start, venue=venue, operator=operator, plan=plan, at_ms=self._now_ms()
        )
        self._journal.note(record, awaited=True)
        await self._journal.durable()
        return self._show(algo_id)

    async def pause(self, algo_id: str, operator: str) -> AlgoRow:
        """Raises LinkError NO_SUCH_ALGO, ALGO."""
        return await self._tell(algo_id, Pause(operator=operator))

    async def resume(self, algo_id: str, operator: str) -> AlgoRow:
        return await self._tell(algo_id, Resume(operator=operator))

    async def stop(self, algo_id: str, operator: str) -> AlgoRow:
        return await self._tell(algo_id, Stop(operator=operator))

    def view(self) -> AlgosView:
        return AlgosView(rows=tuple(self._row(algo) for algo in reversed(self._algos())))

    def alive(self) -> tuple[AlgoRow, ...]:
        """Rows of those at work, oldest first."""
        return tuple(self._row(algo) for algo in self._algos() if algo.phase not in ENDED)

    # --- life ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Looks after all algos; runs until cancelled."""
        while True:
            await self._clock.sleep(LOOK_S)
            for algo in self._algos():
                if algo.phase in ENDED:
                    self._forget(algo)
                elif algo.algo_id not in self._busy:
                    self._do(algo.algo_id, self._look(algo))

    def _do(self, algo_id: str, event: Event) -> None:
        before = self._journal.state.algos[algo_id]
        _, commands = step(before, event, self._now_ms())
        self._waits.pop(algo_id, None)
        for command in commands:
            self._carry_out(before, command)
        self._show(algo_id)

    def _carry_out(self, algo: AlgoState, command: Command) -> None:
        algo_id = algo.algo_id
        match command:
            case Note():
                record = AlgoEvent(algo_id=algo_id, fact=command.fact, at_ms=self._now_ms())
                self._journal.note(record)
            case Wait():
                self._waits[algo_id] = command
            case Submit():
                if self._due(algo_id):
                    self._busy.add(algo_id)
                    self._supervisor.job(f"a child of {algo_id}", self._send(algo, command))
            case Cancel():
                if self._due(command.client_order_id):
                    self._again(command.client_order_id)
                    self._supervisor.job(
                        f"the recall of {command.client_order_id}", self._recall(command.client_order_id)
                    )

    async def _send(self, algo: AlgoState, command: Submit) -> None:
        """A child that could not even be intended was not numbered either: the same number is tried again."""
        algo_id = algo.algo_id
        key = f"{algo_id}/{command.number}"
        try:
            await self._submit(command.request, algo.operator, key, algo_id)
        except LinkError as error:
            self._again(algo_id)
            self._waits[algo_id] = Wait(text=f"a child could not be begun: {error.text}")
        except Exception:  # a defect: the supervisor tells of it, and it is not repeated at every look
            self._again(algo_id)
            raise
        finally:
            self._busy.discard(algo_id)

    async def _recall(self, client_order_id: str) -> None:
        try:
            await self._cancel(client_order_id)
        except LinkError as error:  # it is asked for again while it is open
            self._notify("warn", f"Order {client_order_id} could not be taken back: {error.text}")

    async def _tell(self, algo_id: str, event: Pause | Resume | Stop) -> AlgoRow:
        algo = self._journal.state.algos.get(algo_id)
        if algo is None:
            raise LinkError("NO_SUCH_ALGO", f"There is no algo {algo_id}.")
        if algo.phase in ENDED:
            raise LinkError("ALGO", f"Algo {algo_id} is {algo.phase}: {algo.text}.")
        if isinstance(event, Resume) and algo.phase is not Phase.PAUSED:
            raise LinkError("ALGO", f"Algo {algo_id} is {algo.phase}, not paused.")
        self._do(algo_id, event)
        await self._journal.durable()
        return self._row(self._journal.state.algos[algo_id])

    # --- what it sees --------------------------------------------------------------------------------------

    def _look(self, algo: AlgoState) -> Look:
        quote = self._around.quote(algo.venue, algo.start.symbol)
        halted, hold = self._around.halted(), self._around.hold(algo.venue)
        if isinstance(quote, Unusable):
            return Look(why=quote.why, halted=halted, hold=hold)
        return Look(bid=from_float(quote.bid), ask=from_float(quote.ask), halted=halted, hold=hold)

    def _price(self, venue: str, start: StartAlgo) -> Decimal | None:
        quote = self._around.quote(venue, start.symbol)
        if isinstance(quote, Unusable):
            return None
        return from_float(quote.ask if start.side is Side.BUY else quote.bid)

    def _now_ms(self) -> int:
        return self._clock.wall_ns() // NS_PER_MS

    # --- small matters -------------------------------------------------------------------------------------

    def _algos(self) -> list[AlgoState]:
        return list(self._journal.state.algos.values())

    def _by_key(self, key: str) -> AlgoState | None:
        return next((algo for algo in self._algos() if key and algo.start.key == key), None)

    def _due(self, name: str) -> bool:
        return self._clock.mono_ns() >= self._again_ns.get(name, 0)

    def _again(self, name: str) -> None:
        now = self._clock.mono_ns()
        self._again_ns = {one: at for one, at in self._again_ns.items() if at > now}
        self._again_ns[name] = now + _AGAIN_NS

    def _row(self, algo: AlgoState) -> AlgoRow:
        return algo_row(algo, self._waits.get(algo.algo_id))

    def _show(self, algo_id: str) -> AlgoRow:
        """Publish the row when it has changed."""
        row = self._row(self._journal.state.algos[algo_id])
        if row != self._shown.get(algo_id):
            self._shown[algo_id] = row
            self._publish(row)
        return row

    def _forget(self, algo: AlgoState) -> None:
        """It has ended: its last row, once, and a word to the operator."""
        if self._shown.get(algo.algo_id) is None:
            return
        self._waits.pop(algo.algo_id, None)
        row = self._show(algo.algo_id)
        del self._shown[algo.algo_id]
        level = "bad" if algo.phase is Phase.FAILED else "good"
        self._notify(level, f"{row.start.kind} {algo.algo_id} is {algo.phase}: {algo.text}.")
