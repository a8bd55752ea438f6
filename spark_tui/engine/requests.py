"""Every request a face may make, and who answers it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from spark_tui.engine.audit_view import audit
from spark_tui.engine.feed import FeedCursor
from spark_tui.engine.hub import Face
from spark_tui.engine.lists import Leg, list_view
from spark_tui.engine.market import SymbolMarket
from spark_tui.engine.options import EngineSettings
from spark_tui.engine.preview import Previews
from spark_tui.engine.submission import find_venue, refuse_long, to_request
from spark_tui.engine.supervise import describe
from spark_tui.engine.twin.report import write_report
from spark_tui.link.messages import (
    AlgoPreview,
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
    EnableRule,
    Focus,
    GetAlgos,
    GetAudit,
    GetBalances,
    GetBook,
    GetCanaries,
    GetDiff,
    GetDifferences,
    GetDrills,
    GetEquity,
    GetExplanation,
    GetFills,
    GetHealth,
    GetInstruments,
    GetOrder,
    GetOrders,
    GetPnl,
    GetPositions,
    GetRules,
    GetStatus,
    GetTickers,
    GetVenues,
    Instruments,
    Kill,
    ListPreview,
    PauseAlgo,
    Preview,
    PreviewAlgo,
    PreviewAmend,
    PreviewList,
    PreviewOrder,
    PreviewReplace,
    PriceFills,
    PutRule,
    Reconcile,
    RecordFlow,
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
    StopCanary,
    StopEngine,
    SubmitList,
    SubmitOrder,
    TestOrder,
    Tickers,
)
from spark_tui.link.service import Attachment, LinkError
from spark_tui.store.ledger import LedgerError
from spark_tui.venues.port import VenueError

if TYPE_CHECKING:
    from spark_tui.engine.engine import Engine

MAX_DEPTH = 1_000
_STOP_DELAY_S = 0.1  # so that the answer still reaches the face

# they change nothing but what a face is shown
UNRECORDED = (Focus, GetAudit, GetCanaries)

Handler = Callable[[Any, str, Attachment | None], Awaitable[Result]]


class Requests:
    """One method a request; a table says which."""

    def __init__(self, engine: "Engine", settings: EngineSettings) -> None:
        self._engine = engine
        self._settings = settings
        self._previews = Previews(engine.gate, engine.markets, engine.replaces, engine.algos)
        self._handlers: dict[type, Handler] = {
            SubmitOrder: self._submit,
            TestOrder: self._test,
            AmendOrder: self._amend,
            ReplaceOrder: self._replace,
            SubmitList: self._submit_list,
            CancelList: self._cancel_list,
            StartAlgo: self._start_algo,
            PauseAlgo: lambda q, operator, _: engine.algos.pause(q.algo_id, operator),
            ResumeAlgo: lambda q, operator, _: engine.algos.resume(q.algo_id, operator),
            StopAlgo: lambda q, operator, _: engine.algos.stop(q.algo_id, operator),
            Reconcile: self._reconcile,
            ResolveDifference: self._resolve,
            CancelOrder: self._cancel,
            CancelAll: self._cancel_all,
            Kill: self._kill,
            Resume: self._resume,
            **dict.fromkeys(
                (PutRule, EnableRule, DisableRule, DeleteRule),
                lambda q, operator, _: engine.rules.change(q, operator),
            ),
            RecordFlow: lambda q, operator, _: engine.portfolio.record_flow(q, operator),
            PriceFills: lambda q, operator, _: engine.portfolio.price_fills(q),
            Focus: self._focus,
            RunDrill: self._drill,
            RunCanary: lambda q, operator, _: engine.canary.run(q, self._venue(q.venue, q.symbol), operator),
            ConfirmCanary: lambda q, operator, _: engine.canary.confirm(
                q, self._venue(q.venue, q.symbol), operator
            ),
            SoakCanary: lambda q, operator, _: engine.canary.soak(
                q, self._venue(q.venue, q.symbol), operator
            ),
            StopCanary: self._stop_canary,
            ArmLive: self._arm,
            DisarmLive: self._disarm,
            StopEngine: self._stop,
            ReportDiff: lambda q, operator, _: asyncio.to_thread(
                write_report, settings.data_dir, engine.twins.view(), engine.books.now_ms()
            ),
            GetCanaries: lambda q, operator, _: engine.canary.look(),
            GetAudit: lambda q, operator, _: asyncio.to_thread(audit, engine.ledger, q),
        }
        self._queries: dict[type, Callable[[Any], Result]] = {
            PreviewOrder: lambda q: self._look_ahead(q.order, as_asked=q.as_asked),
            PreviewAmend: lambda q: self._previews.amend(q.amend.client_order_id, q.amend.quantity),
            PreviewReplace: self._preview_replace,
            PreviewList: self._preview_list,
            PreviewAlgo: self._preview_algo,
            GetOrders: lambda q: engine.views.orders(q.symbol, open_only=q.open_only, limit=q.limit),
            GetOrder: self._order,
            GetFills: lambda q: engine.views.fills(q.symbol, q.limit),
            GetPositions: lambda q: engine.views.positions(),
            GetBalances: lambda q: engine.views.balances(),
            GetBook: self._book,
            GetTickers: self._tickers,
            GetInstruments: self._instruments,
            GetVenues: lambda q: engine.condition.venues(),
            GetStatus: lambda q: engine.condition.status(),
            GetHealth: lambda q: engine.condition.health(),
            GetAlgos: lambda q: engine.algos.view(),
            GetDrills: lambda q: engine.drills.view(),
            GetDifferences: lambda q: engine.differences.view(),
            GetRules: lambda q: engine.rules.rows(),
            GetDiff: lambda q: engine.twins.view(),
            GetPnl: lambda q: engine.portfolio.pnl_view(),
            GetEquity: lambda q: engine.portfolio.equity_view(q.window),
            GetExplanation: lambda q: engine.portfolio.explanation(),
        }

    async def handle(self, request: AnyRequest, operator: str, attachment: Attachment | None) -> Result:
        """Raises LinkError, and nothing else. Commands are put on record."""

        async def answer() -> Result:
            return await self._answer(request, operator, attachment)

        if isinstance(request, UNRECORDED) or type(request) in self._queries:
            return await answer()
        return await self._engine.audit.recorded(request, operator, answer)

    async def _answer(self, request: AnyRequest, operator: str, attachment: Attachment | None) -> Result:
        try:
            query = self._queries.get(type(request))
            if query is not None:
                return query(request)
            return await self._handlers[type(request)](request, operator, attachment)
        except LinkError:
            raise
        except VenueError as error:
            raise LinkError(error.code, error.text) from error
        except LedgerError as error:
            raise LinkError("LEDGER_UNAVAILABLE", f"It could not be recorded: {error}") from error
        except (
            Exception
        ) as error:  # a defect here must not reach an operator as a traceback, nor end the link
            self._engine.notices("bad", f"{type(request).__name__} failed: {describe(error)}.")
            raise LinkError("INTERNAL", f"The engine could not do this: {describe(error)}.") from error

    # --- commands ------------------------------------------------------------------------------------------

    async def _submit(self, submit: SubmitOrder, operator: str, attachment: Attachment | None) -> Result:
        request = to_request(submit, self._venue(submit.venue, submit.symbol))
        return await self._engine.desk.submit(request, operator, submit.key)

    async def _test(self, test: TestOrder, operator: str, attachment: Attachment | None) -> Result:
        """What would be sent is tested: the order on the instrument's grid."""
        ahead = self._look_ahead(test.order)
        request = to_request(ahead.order, ahead.order.venue)
        return await self._engine.desk.test(ahead, request, self._engine.identities.run)

    async def _amend(self, amend: AmendOrder, operator: str, attachment: Attachment | None) -> Result:
        return await self._engine.replaces.amend(amend.client_order_id, amend.quantity)

    async def _replace(self, replace: ReplaceOrder, operator: str, attachment: Attachment | None) -> Result:
        submit = replace.order
        request = to_request(submit, self._venue(submit.venue, submit.symbol))
        return await self._engine.replaces.replace(
            replace.client_order_id, request, operator, submit.key, allow_failure=replace.allow_failure
        )

    async def _submit_list(self, submit: SubmitList, operator: str, attachment: Attachment | None) -> Result:
        return await self._engine.lists.submit(submit.kind, self._legs(submit), operator, submit.key)

    async def _cancel_list(self, cancel: CancelList, operator: str, attachment: Attachment | None) -> Result:
        await self._engine.cancels.cancel_list(cancel.list_id)
        return list_view(self._engine.journal.state, cancel.list_id)

    async def _start_algo(self, start: StartAlgo, operator: str, attachment: Attachment | None) -> Result:
        refuse_long(start.quantity, start.limit_price, start.display)
        return await self._engine.algos.start(start, self._venue(start.venue, start.symbol), operator)

    async def _cancel(self, cancel: CancelOrder, operator: str, attachment: Attachment | None) -> Result:
        return await self._engine.cancels.cancel(cancel.client_order_id)

    async def _cancel_all(self, cancel: CancelAll, operator: str, attachment: Attachment | None) -> Result:
        venue = self._venue(cancel.venue, cancel.symbol) if cancel.venue or cancel.symbol else ""
        return await self._engine.cancels.cancel_all(venue, cancel.symbol, operator)

    async def _reconcile(self, ask: Reconcile, operator: str, attachment: Attachment | None) -> Result:
        """All venues, now; the first that does not answer is the answer."""
        runners = self._engine.runners.values()
        if not all(runner.started for runner in runners):
            raise LinkError("NOT_UP", "A venue is not up yet, so there is nothing to compare with.")
        await asyncio.gather(*(runner.reconciler.compare_now() for runner in runners))
        return self._engine.differences.view()

    async def _resolve(self, ask: ResolveDifference, operator: str, attachment: Attachment | None) -> Result:
        self._engine.differences.settle(ask.difference_id, ask.choice, operator)
        await self._engine.journal.durable()
        return self._engine.differences.view()

    async def _kill(self, kill: Kill, operator: str, attachment: Attachment | None) -> Result:
        """Not even the task group is needed for this one."""
        return await asyncio.shield(
            asyncio.ensure_future(self._engine.kill_switch.kill(kill.reason, operator, kill.mark))
        )

    async def _resume(self, resume: Resume, operator: str, attachment: Attachment | None) -> Result:
        if not resume.reason.strip():
            raise LinkError("REASON_NEEDED", "Say why trading may go on: resume reason=...")
        try:
            await self._engine.journal.retry()
            self._engine.guard.resume(resume.reason, operator)
            await self._engine.journal.durable()
        except LedgerError as error:
            raise LinkError("LEDGER_UNAVAILABLE", f"Trading stays halted: {error}") from None
        return Done()

    async def _focus(self, focus: Focus, operator: str, attachment: Attachment | None) -> Result:
        venue = self._venue(focus.venue, focus.symbol)
        market = self._watched(venue, focus.symbol)
        await self._engine.runners[venue].venue.focus(focus.symbol, focus.interval)
        if not market.series(focus.interval).rows:
            self._engine.markets[venue].holes.add((focus.symbol, focus.interval))
        if isinstance(attachment, Face) and isinstance(attachment.cursor, FeedCursor):
            attachment.cursor.look_at(venue, focus.symbol, focus.interval)
        return Done()

    async def _drill(self, drill: RunDrill, operator: str, attachment: Attachment | None) -> Result:
        return self._engine.drills.run(drill.name, drill.seed, operator)

    async def _stop_canary(self, ask: StopCanary, operator: str, attachment: Attachment | None) -> Result:
        self._engine.canary.stop()
        return Done()

    async def _arm(self, ask: ArmLive, operator: str, attachment: Attachment | None) -> Result:
        await self._engine.arming.arm(ask, operator)
        return await self._told("bad", f"LIVE TRADING IS ARMED by {operator}: {ask.phrase}.")

    async def _disarm(self, ask: DisarmLive, operator: str, attachment: Attachment | None) -> Result:
        self._engine.arming.disarm(ask.reason, operator)
        return await self._told("good", f"Live trading is disarmed: {ask.reason}.")

    async def _told(self, level: str, text: str) -> Result:
        """Durable, then said, then in every status bar."""
        await self._engine.journal.durable()
        self._engine.notices(level, text)
        self._engine.hub.publish(self._engine.condition.status())
        return self._engine.canary.view()

    async def _stop(self, stop: StopEngine, operator: str, attachment: Attachment | None) -> Result:
        self._engine.stop_soon(_STOP_DELAY_S)
        return Done()

    def _legs(self, submit: SubmitList) -> list[Leg]:
        return [
            (leg.role, to_request(leg.order, self._venue(leg.order.venue, leg.order.symbol)))
            for leg in submit.legs
        ]

    # --- previews ------------------------------------------------------------------------------------------

    def _look_ahead(self, order: SubmitOrder, *, as_asked: bool = False) -> Preview:
        request = to_request(order, self._venue(order.venue, order.symbol))
        return self._previews.order(request, order.key, as_asked=as_asked)

    def _preview_replace(self, ask: PreviewReplace) -> Preview:
        replace, order = ask.replace, ask.replace.order
        return self._previews.replacement(
            replace.client_order_id,
            to_request(order, self._venue(order.venue, order.symbol)),
            order.key,
            allow_failure=replace.allow_failure,
            as_asked=ask.as_asked,
        )

    def _preview_list(self, ask: PreviewList) -> ListPreview:
        submit = ask.submit
        return self._previews.order_list(submit.kind, self._legs(submit), submit.key, as_asked=ask.as_asked)

    def _preview_algo(self, ask: PreviewAlgo) -> AlgoPreview:
        start = ask.start
        refuse_long(start.quantity, start.limit_price, start.display)
        venue = self._venue(start.venue, start.symbol)
        return self._previews.algo(start, venue, as_asked=ask.as_asked)

    # --- queries -------------------------------------------------------------------------------------------

    def _order(self, ask: GetOrder) -> Result:
        found = self._engine.views.order(ask.client_order_id)
        if found is None:
            raise LinkError("NO_SUCH_ORDER", f"There is no order {ask.client_order_id}.")
        return found

    def _book(self, ask: GetBook) -> Result:
        venue = self._venue(ask.venue, ask.symbol)
        self._watched(venue, ask.symbol)
        return self._engine.views.book(venue, ask.symbol, max(1, min(ask.depth, MAX_DEPTH)))

    def _tickers(self, ask: GetTickers) -> Result:
        views = self._engine.views
        return Tickers(rows=tuple(views.ticker(venue, market) for venue, market in views.symbols()))

    def _instruments(self, ask: GetInstruments) -> Result:
        rows = (one for known in self._engine.instruments().values() for one in known.values())
        return Instruments(rows=tuple(rows))

    def _venue(self, wanted: str, symbol: str) -> str:
        return find_venue(wanted, symbol, self._engine.instruments())

    def _watched(self, venue: str, symbol: str) -> SymbolMarket:
        market = self._engine.views.market(venue, symbol)
        if market is None:
            watched = ", ".join(self._engine.markets[venue].symbols)
            raise LinkError("NOT_WATCHED", f"{symbol} is not watched here; this engine watches {watched}.")
        return market
