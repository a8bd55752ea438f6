"""Joins the algos to the engine: looks for them, does what they want, tells what they are."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Final, Protocol

from spark_tui.domain.book import Quote, Unusable
from spark_tui.domain.decimals import from_float
from spark_tui.domain.instrument import Instrument
from spark_tui.domain.order import OrderRequest
from spark_tui.engine.algos.admission import Admission, admit
from spark_tui.engine.algos.core import step
from spark_tui.engine.algos.state import ENDED, AlgoState, ClockStepped, Phase
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
from spark_tui.engine.gate import Assessment, Scenario
from spark_tui.engine.journal import Journal
from spark_tui.engine.orders import algo_of, key_reused
from spark_tui.engine.records import AlgoEvent, AlgoStarted
from spark_tui.engine.supervise import Notify, Supervisor
from spark_tui.link.messages import AlgoRow, OrderUpdate, StartAlgo
from spark_tui.link.messages import Algos as AlgosView
from spark_tui.link.service import LinkError
from spark_tui.wire.clock import NS_PER_MS, NS_PER_S, Clock

LOOK_S: Final = 0.2  # between two looks of one algo
MAX_LIVE: Final = 50
STEP_MS: Final = 1_000  # a wall clock that gained or lost so much on the monotonic one was set
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
    """`submit` (request, operator, key, parent) is the one gate's, and so is `assess`; `cancel` takes a
    child's client order id. `next_id` gives a new id, or raises LinkError while nothing can be recorded;
    `peek_id` tells it without taking it. `floor_notional` (venue, symbol, strategy): the rules' own least
    order."""

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        supervisor: Supervisor,
        around: Surroundings,
        *,
        submit: SubmitChild,
        cancel: CancelChild,
        assess: Callable[[OrderRequest, Scenario], Assessment],
        next_id: Callable[[], str],
        peek_id: Callable[[], str],
        publish: Callable[[AlgoRow], None],
        notify: Notify,
        floor_notional: Callable[[str, str, str], Decimal | None],
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._supervisor = supervisor
        self._around = around
        self._submit = submit
        self._cancel = cancel
        self._assess = assess
        self._next_id = next_id
        self._peek_id = peek_id
        self._publish = publish
        self._notify = notify
        self._floor_notional = floor_notional
        self._busy: set[str] = set()  # algos whose child is on its way into the ledger and out
        self._again_ns: dict[str, int] = {}  # algo or child id -> not before
        self._waits: dict[str, Wait] = {}
        self._wall_less_mono_ns = clock.wall_ns() - clock.mono_ns()
        self._shown: dict[str, AlgoRow] = {}  # of living algos: what was published last

    # --- what a face asks ----------------------------------------------------------------------------------

    async def start(self, start: StartAlgo, venue: str, operator: str) -> AlgoRow:
        """A running algo, durable; the same key with the same body is the same algo again. Raises LinkError:
        ALGO (with what is wrong), KEY_REUSED, HALTED, LEDGER_UNAVAILABLE, STOPPING, or the code of the rule
        that refuses its orders."""
        state = self._journal.state
        known = algo_of(state, start.key)
        if known is not None:
            if (known.start, known.venue) != (start, venue):
                raise key_reused(start.key, known.algo_id, "algo")
            return self._row(known)
        if start.key in state.keys:
            raise key_reused(start.key, state.keys[start.key])
        if denial := self._barred(start, venue):
            raise LinkError(*denial)
        self._mind_the_clock()
        algo_id = f"algo-{self._next_id()}"
        plan = self._admit(algo_id, start, venue).granted()
        record = AlgoStarted(
            algo_id=algo_id, start=start, venue=venue, operator=operator, plan=plan, at_ms=self._now_ms()
        )
        self._journal.note(record, awaited=True)
        await self._journal.durable()
        return self._show(algo_id)

    def preview(self, start: StartAlgo, venue: str) -> Admission:
        """What `start` would say to the same request now."""
        if denial := self._barred(start, venue):
            return Admission(denial=denial)
        return self._admit(f"algo-{self._peek_id()}", start, venue)

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
            self._mind_the_clock()
            for algo in self._algos():
                if algo.phase in ENDED:
                    self._forget(algo)
                elif algo.algo_id not in self._busy:
                    self._do(algo.algo_id, self._look(algo.venue, algo.start.symbol))

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
            if self._journal.state.algos[algo_id].phase is not Phase.RUNNING:
                return  # paused or stopped since that look
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
        self._mind_the_clock()
        if isinstance(event, Resume) and algo.phase is not Phase.PAUSED:
            raise LinkError("ALGO", f"Algo {algo_id} is {algo.phase}, not paused.")
        self._do(algo_id, event)
        await self._journal.durable()
        return self._row(self._journal.state.algos[algo_id])

    # --- whether one may begin -----------------------------------------------------------------------------

    def _barred(self, start: StartAlgo, venue: str) -> tuple[str, str] | None:
        """Code and text of why none may begin now, whatever it is."""
        if halted := self._around.halted():
            return "HALTED", f"Trading is halted: {halted}; resume before starting an algo."
        if sum(algo.phase not in ENDED for algo in self._algos()) >= MAX_LIVE:
            return "ALGO", f"{MAX_LIVE} algos are at work already; stop one first."
        if self._around.instrument(venue, start.symbol) is None:
            return "ALGO", f"{venue} lists no {start.symbol}, or is not up yet."
        return None

    def _admit(self, algo_id: str, start: StartAlgo, venue: str) -> Admission:
        instrument = self._around.instrument(venue, start.symbol)
        assert instrument is not None  # else it is barred
        strategy = start.kind.lower()
        return admit(
            algo_id,
            start,
            venue,
            instrument,
            self._look(venue, start.symbol),
            lambda request: self._assess(request, Scenario(strategy=strategy)),
            floor_notional=self._floor_notional(venue, start.symbol, strategy),
            now_ms=self._now_ms(),
        )

    def _mind_the_clock(self) -> None:
        """Schedules are kept in wall time, which survives a restart: when that is set, they move along."""
        offset_ns = self._clock.wall_ns() - self._clock.mono_ns()
        by_ms = (offset_ns - self._wall_less_mono_ns) // NS_PER_MS
        if abs(by_ms) < STEP_MS:
            return
        self._wall_less_mono_ns = offset_ns
        for algo in self._algos():
            if algo.phase not in ENDED:
                record = AlgoEvent(algo_id=algo.algo_id, fact=ClockStepped(by_ms=by_ms), at_ms=self._now_ms())
                self._journal.note(record)

    # --- what it sees --------------------------------------------------------------------------------------

    def _look(self, venue: str, symbol: str) -> Look:
        quote = self._around.quote(venue, symbol)
        halted, hold = self._around.halted(), self._around.hold(venue)
        if isinstance(quote, Unusable):
            return Look(why=quote.why, halted=halted, hold=hold)
        return Look(bid=from_float(quote.bid), ask=from_float(quote.ask), halted=halted, hold=hold)

    def _now_ms(self) -> int:
        return self._clock.wall_ns() // NS_PER_MS

    # --- small matters -------------------------------------------------------------------------------------

    def _algos(self) -> list[AlgoState]:
        return list(self._journal.state.algos.values())

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
