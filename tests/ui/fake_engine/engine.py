"""A scripted engine for tests of the cockpit: the pictures' market, orders that fill when they cross, a kill.

Deterministic: time comes from a clock that tests move, the market from a seeded random. Clearing `gate` holds
every answer back, `lose` cuts the line, `restore` lets it be found again.
"""

from spark_tui.domain.values import Environment, TradingState
from spark_tui.link.messages import (
    Algos,
    AmendOrder,
    AnyRequest,
    ArmLive,
    CancelAll,
    CancelList,
    CancelOrder,
    ConfirmCanary,
    DeleteRule,
    DisableRule,
    DisarmLive,
    Done,
    Drills,
    EnableRule,
    Event,
    Fills,
    Focus,
    GetAlgos,
    GetAudit,
    GetCanaries,
    GetDiff,
    GetDifferences,
    GetDrills,
    GetEquity,
    GetExplanation,
    GetHealth,
    GetInstruments,
    GetPnl,
    GetRules,
    Instruments,
    Kill,
    OrderUpdate,
    PauseAlgo,
    PreviewAlgo,
    PreviewList,
    PreviewOrder,
    PreviewReplace,
    PutRule,
    Reconcile,
    ReplaceOrder,
    ReportDiff,
    ResolveDifference,
    Result,
    Resume,
    ResumeAlgo,
    RunCanary,
    RunDrill,
    SoakCanary,
    StartAlgo,
    StopAlgo,
    StopEngine,
    SubmitList,
    SubmitOrder,
    TestOrder,
    Tickers,
)
from spark_tui.link.service import LinkError
from tests.ui.fake_engine import audit
from tests.ui.fake_engine.canaries import FakeCanaries
from tests.ui.fake_engine.facts import balances, health, positions
from tests.ui.fake_engine.previews import preview_algo, preview_list
from tests.ui.fake_engine.profit import FakeProfit
from tests.ui.fake_engine.rules import FakeRules
from tests.ui.fake_engine.scenes import orders_of_the_picture
from tests.ui.fake_engine.twins import twins, written
from tests.ui.fake_engine.work import FakeWork
from tests.ui.fake_engine.world import MARKET, ManualClock, instrument


class FakeEngine(FakeWork):
    """A Link with the engine in it. `mute`: it takes an order, and never says so."""

    def __init__(
        self, clock: ManualClock, *, environment: Environment = Environment.SIM, orders: bool = True
    ) -> None:
        super().__init__(clock, environment)
        self.asked: list[AnyRequest] = []
        self.mute = False
        self.canaries = FakeCanaries(environment)
        self.rules = FakeRules()
        self.twins = twins()
        self.profit = FakeProfit()
        if orders:
            orders_of_the_picture(self)

    async def close(self) -> None:
        return

    async def call(self, request: AnyRequest) -> Result:
        self.asked.append(request)
        await self.gate.wait()
        if self.lost:
            raise LinkError("ENGINE_GONE", "No engine answers.")
        match request:
            case SubmitOrder() if self.mute:
                self.submit(request)
                raise LinkError("NO_ANSWER", "The engine did not answer; it may still happen.")
            case SoakCanary() if self.mute:
                raise LinkError("NO_ANSWER", "The engine did not answer; it may still happen.")
            case SubmitOrder():
                return self.submit(request)
            case PreviewOrder(order=order):
                return self.preview(order)
            case PreviewReplace(replace=replace):
                return self.preview(replace.order)
            case PreviewList(submit=submit):
                return preview_list(submit, self.prices[submit.legs[0].order.symbol], self.halt_reason)
            case PreviewAlgo(start=start):
                return preview_algo(start, self.prices[start.symbol], self.halt_reason, self.clock.now_ms)
            case CancelOrder(client_order_id=key):
                return self.cancel(key)
            case CancelAll(symbol=symbol):
                return self.cancel_all(symbol)
            case Kill(reason=reason):
                return self.kill(reason)
            case Resume():
                self.state, self.halt_reason = TradingState.ACTIVE, ""
                self.push(self.status())
                return Done()
            case Focus():
                self.focus = request
                self.push(self.book(), self.trades_view(), self.candles_view())
                return Done()
            case StopEngine():
                return Done()
            case TestOrder(order=order):
                return self.test(order)
            case AmendOrder(client_order_id=key, quantity=quantity):
                return self.update(self.orders[key], amended_quantity=quantity, amendments=(quantity,))
            case ReplaceOrder():
                return self.replace(request)
            case SubmitList():
                return self.submit_list(request)
            case CancelList(list_id=list_id):
                return self.cancel_list(list_id)
            case GetDrills():
                return Drills(rows=tuple(self.drills.values()))
            case RunDrill(name=key, seed=seed):
                return self.change_drill(key, state="RUNNING", seed=seed)
            case GetAlgos():
                return Algos(rows=tuple(self.algos.values()))
            case StartAlgo():
                return self.start_algo(request)
            case PauseAlgo(algo_id=key):
                return self.change_algo(key, state="PAUSED", text="paused by operator")
            case ResumeAlgo(algo_id=key):
                return self.change_algo(key, state="RUNNING", text="")
            case StopAlgo(algo_id=key):
                return self.change_algo(key, state="STOPPED", text="stopped by operator")
            case GetDifferences() | Reconcile():
                return self.differences
            case ResolveDifference():
                return self.resolve(request)
            case GetInstruments():
                return Instruments(rows=tuple(instrument(symbol) for symbol in MARKET))
            case GetCanaries():
                return self.canaries.view(self.clock.now_ms)
            case RunCanary():
                return self.canaries.run(request, self.clock.now_ms)
            case ConfirmCanary():
                return self.canaries.confirm(request, self.clock.now_ms)
            case SoakCanary() | ArmLive() | DisarmLive():
                return self.canaries.view(self.clock.now_ms)
            case GetRules():
                return self.rules.view()
            case PutRule() | EnableRule() | DisableRule() | DeleteRule():
                return self.rules.change(request)
            case GetAudit():
                return audit.answer(request)
            case GetPnl():
                return self.profit.pnl
            case GetEquity(window=window):
                return self.profit.equity(window, self.clock.now_ms)
            case GetExplanation():
                return self.profit.explanation
            case GetDiff():
                return self.twins
            case ReportDiff():
                return written(self.twins)
            case GetHealth():
                return health()
            case _:
                raise LinkError("UNSUPPORTED", f"The fake engine does not answer {request}.")

    def snapshot(self) -> tuple[Event, ...]:
        return (
            self.status(),
            balances(),
            positions(),
            *(OrderUpdate(order=order) for order in self.orders.values()),
            Fills(rows=tuple(self.fills)),
            Tickers(rows=tuple(self.ticker(symbol) for symbol in MARKET)),
            self.book(),
            self.trades_view(),
            self.candles_view(),
        )
