"""Every metric's name, in one place.

What happens for every frame is counted as plain ints where it happens and folded in here when somebody asks:
a counter per frame would cost a microsecond each. Only orders are rare enough to be observed one by one.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

import msgspec
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from spark_tui.domain.health import Call, StreamHealth, WeightGauge

_LATENCIES_S = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 10.0)
_CALL_MS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0)
_CODE = re.compile(r"-?\d{1,6}|http-\d{3}|[A-Z_]{2,24}|lost")
_EXCHANGE_INFO = "exchangeInfo"
_STATES = ("connecting", "live", "stale", "down")


class BookCounts(msgspec.Struct, frozen=True, kw_only=True):
    venue: str
    symbol: str
    gaps: int
    resyncs: int
    mismatches: int


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """The engine's figures at one instant, taken on its event loop."""

    streams: tuple[StreamHealth, ...] = ()
    weights: dict[str, WeightGauge] = {}
    books: tuple[BookCounts, ...] = ()
    snapshots_waiting: dict[str, int] = {}  # by venue: books that wait for theirs
    environment: str = ""
    trading_state: str = ""
    open_orders: int = 0
    unknown_orders: int = 0
    ledger_entries: int = 0
    ledger_lag_s: float = 0.0
    ledger_queue: int = 0
    tape_frames: int = 0
    tape_bytes: int = 0
    evidence_bytes: int = 0
    tape_queue: int = 0
    tape_dropped: int = 0
    tape_lag_s: float = 0.0
    faces: int = 0
    faces_cut_off: int = 0
    task_restarts: int = 0
    simulator_restarts: int = 0
    loop_lag_s: float = 0.0
    rss_bytes: int = 0
    uptime_s: float = 0.0
    user_streams: dict[str, bool] = {}  # by venue: whether its account events flow
    instruments: dict[tuple[str, str], int] = {}  # (venue, quote asset): how many trade
    orders: dict[str, int] = {}  # by their state when answered
    denials: dict[str, int] = {}  # by code
    violations: dict[str, int] = {}  # by code
    replaces: dict[bool, int] = {}  # by whether the new order was placed
    cancel_alls: dict[bool, int] = {}  # by whether nothing was left open
    maker_rejects: int = 0
    pnl_accuracy: dict[str, Decimal | None] = {}  # by venue; None: not known


class Metrics:
    """One registry an engine. `take` gives the sample to fold in at each scrape."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.sample = Sample()
        self.order_durable = self._latency(
            "spark_tui_order_durable_seconds", "From the call to its write-ahead being durable"
        )
        self.order_sent = self._latency(
            "spark_tui_order_sent_seconds", "From the call to its bytes being handed to the socket"
        )
        self.order_answered = self._latency(
            "spark_tui_order_answered_seconds", "From the call to the venue's answer"
        )
        self.canary_latency = self._latency(
            "canary_order_latency_seconds", "From the call to the venue's answer, of orders and order/test"
        )
        self._private = _Private(self.registry)
        self.diff_reports = Counter(
            "spark_private_diff_report",
            "Reports written of orders beside their paper twins",
            registry=self.registry,
        )
        self.registry.register(_Folded(lambda: self.sample))

    def call(self, call: Call) -> None:
        """A call about the account ended."""
        self._private.take(call)

    def exposition(self) -> bytes:
        """The text format. Takes milliseconds: call it off the event loop."""
        return generate_latest(self.registry)

    def _latency(self, name: str, text: str) -> Histogram:
        return Histogram(name, text, buckets=_LATENCIES_S, registry=self.registry)


class _Private:
    """Calls about the account. Venue codes are few and known; what is not a code counts as "other"."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls = Counter(
            "spark_private_calls",
            "Calls about the account, by whether they succeeded",
            ["route", "method", "ok"],
            registry=registry,
        )
        self._errors = Counter(
            "spark_private_errors", "Those that failed, by code", ["route", "code"], registry=registry
        )
        self._duration = Histogram(
            "spark_private_call_duration_ms",
            "From sending to the answer",
            ["route"],
            buckets=_CALL_MS,
            registry=registry,
        )
        self._exchange_info = Counter(
            "spark_private_exchange_info", "Times the instruments and limits were fetched", registry=registry
        )

    def take(self, call: Call) -> None:
        if call.route.endswith(_EXCHANGE_INFO):
            self._exchange_info.inc()
            return
        self._calls.labels(call.route, call.method, "false" if call.code else "true").inc()
        self._duration.labels(call.route).observe(call.took_ms)
        if call.code:
            known = call.code if _CODE.fullmatch(call.code) else "other"
            self._errors.labels(call.route, known).inc()


class _Folded(Collector):
    """Figures counted elsewhere, as metric families."""

    def __init__(self, sample: Callable[[], Sample]) -> None:
        self._sample = sample

    def describe(self) -> Iterable[Metric]:
        return ()  # the names depend on nothing, but asking for them must not need a sample

    def collect(self) -> Iterator[Metric]:
        now = self._sample()
        yield from _streams(now.streams)
        yield from _books(now.books)
        yield from _snapshots(now.snapshots_waiting)
        yield from _weights(now.weights)
        yield from _accounts(now)
        yield from _orders(now)
        yield from _scalars(now)
        state = GaugeMetricFamily(
            "spark_tui_trading_state", "1 for the state in force", labels=["environment", "state"]
        )
        state.add_metric([now.environment, now.trading_state], 1)
        yield state


def _streams(streams: tuple[StreamHealth, ...]) -> Iterator[Metric]:
    labels = ["venue", "stream"]
    frames = CounterMetricFamily("spark_tui_stream_frames", "Frames received", labels=labels)
    gaps = CounterMetricFamily("spark_tui_stream_gaps", "Gaps seen in a stream", labels=labels)
    reconnects = CounterMetricFamily("spark_tui_stream_reconnects", "Connections made again", labels=labels)
    undecoded = CounterMetricFamily(
        "spark_tui_stream_undecoded_frames", "Frames that could not be read", labels=labels
    )
    revivals = CounterMetricFamily(
        "spark_tui_stream_revivals",
        "Times it was dead on a live connection and asked for anew",
        labels=labels,
    )
    age = GaugeMetricFamily("spark_tui_stream_age_seconds", "Since the last frame", labels=labels)
    lag = GaugeMetricFamily("spark_tui_stream_lag_seconds", "Receipt minus venue time", labels=labels)
    state = GaugeMetricFamily(
        "spark_tui_stream_state", "1 for the state a stream is in", labels=[*labels, "state"]
    )
    for stream in streams:
        key = [stream.venue, stream.name]
        frames.add_metric(key, stream.messages)
        gaps.add_metric(key, stream.gaps)
        reconnects.add_metric(key, stream.reconnects)
        undecoded.add_metric(key, stream.undecoded)
        revivals.add_metric(key, stream.revivals)
        if stream.age_s is not None:
            age.add_metric(key, stream.age_s)
        if stream.lag_ms is not None:
            lag.add_metric(key, stream.lag_ms / 1_000)
        for name in _STATES:
            state.add_metric([*key, name], float(stream.state == name))
    yield from (frames, gaps, reconnects, undecoded, revivals, age, lag, state)


def _books(books: tuple[BookCounts, ...]) -> Iterator[Metric]:
    labels = ["venue", "symbol"]
    gaps = CounterMetricFamily("spark_tui_book_gaps", "Diffs that did not follow", labels=labels)
    resyncs = CounterMetricFamily("spark_tui_book_resyncs", "Books begun again", labels=labels)
    mismatches = CounterMetricFamily(
        "spark_tui_book_mismatches", "Tops that the venue's own ticker contradicted", labels=labels
    )
    for book in books:
        gaps.add_metric([book.venue, book.symbol], book.gaps)
        resyncs.add_metric([book.venue, book.symbol], book.resyncs)
        mismatches.add_metric([book.venue, book.symbol], book.mismatches)
    yield from (gaps, resyncs, mismatches)


def _snapshots(waiting: dict[str, int]) -> Iterator[Metric]:
    gauge = GaugeMetricFamily(
        "spark_tui_book_snapshots_waiting", "Books that wait for a snapshot", labels=["venue"]
    )
    for venue, count in waiting.items():
        gauge.add_metric([venue], count)
    yield gauge


def _weights(weights: dict[str, WeightGauge]) -> Iterator[Metric]:
    used = GaugeMetricFamily("spark_tui_request_weight_used", "By the server's count", labels=["venue"])
    limit = GaugeMetricFamily("spark_tui_request_weight_limit", "Of the current window", labels=["venue"])
    waiting = GaugeMetricFamily(
        "spark_tui_request_weight_waiting", "Calls that wait for some of it", labels=["venue"]
    )
    for venue, gauge in weights.items():
        waiting.add_metric([venue], gauge.waiting)
        used.add_metric([venue], gauge.used)
        limit.add_metric([venue], gauge.limit)
    yield from (used, limit, waiting)


def _accounts(now: Sample) -> Iterator[Metric]:
    connected = GaugeMetricFamily(
        "spark_private_websocket_connected", "1 while a venue's account events flow", labels=["venue"]
    )
    for venue, up in now.user_streams.items():
        connected.add_metric([venue], float(up))
    symbols = GaugeMetricFamily(
        "spark_private_symbols_total", "Instruments that trade, by quote asset", labels=["venue", "quote"]
    )
    for (venue, quote), count in now.instruments.items():
        symbols.add_metric([venue, quote], count)
    accuracy = GaugeMetricFamily(
        "spark_private_pnl_accuracy",
        "1 less the share of the money that moved which nothing explains",
        labels=["venue"],
    )
    for venue, share in now.pnl_accuracy.items():
        if share is not None:
            accuracy.add_metric([venue], float(share))
    yield from (connected, symbols, accuracy)


def _orders(now: Sample) -> Iterator[Metric]:
    for name, text, label, counts in (
        (
            "spark_tui_orders",
            "Orders, by their state when answered",
            "state",
            now.orders,
        ),
        ("spark_tui_order_denials", "Orders refused by the engine, by code", "code", now.denials),
        (
            "spark_private_risk_violations",
            "Orders refused and standing rules broken, by rule code",
            "rule",
            now.violations,
        ),
        (
            "spark_private_order_replace",
            "Replacements, by whether the new order was placed",
            "ok",
            _words(now.replaces),
        ),
        (
            "spark_private_cancel_all",
            "Cancel-all commands and kills, by whether nothing was left open",
            "ok",
            _words(now.cancel_alls),
        ),
    ):
        family = CounterMetricFamily(name, text, labels=[label])
        for value, count in counts.items():
            family.add_metric([value], count)
        yield family
    yield CounterMetricFamily(
        "spark_private_limit_maker_reject",
        "LIMIT_MAKER orders the venue refused, as a rule because they would have traded at once",
        value=now.maker_rejects,
    )


def _words(counts: dict[bool, int]) -> dict[str, int]:
    """Both, from the start: a rate needs a zero to begin from."""
    return {"true": counts.get(True, 0), "false": counts.get(False, 0)}


def _scalars(now: Sample) -> Iterator[Metric]:
    for name, text, count in (
        ("spark_tui_ledger_entries", "Entries in the ledger", now.ledger_entries),
        ("spark_tui_tape_frames", "Frames made durable since start", now.tape_frames),
        ("spark_tui_tape_dropped_frames", "Frames the tape had no room for", now.tape_dropped),
        ("spark_tui_faces_cut_off", "Faces that read too slowly", now.faces_cut_off),
        ("spark_tui_task_restarts", "Parts of the engine that failed and began again", now.task_restarts),
        ("spark_tui_simulator_restarts", "Times the bundled simulator began again", now.simulator_restarts),
    ):
        yield CounterMetricFamily(name, text, value=count)
    for name, text, value in (
        ("spark_tui_orders_open", "Orders that may still trade", now.open_orders),
        ("spark_tui_orders_unknown", "Orders whose fate is not known", now.unknown_orders),
        ("spark_tui_ledger_lag_seconds", "Last append's time to durable", now.ledger_lag_s),
        ("spark_tui_ledger_queue_entries", "Entries waiting for the ledger", now.ledger_queue),
        ("spark_tui_tape_lag_seconds", "Last commit's oldest frame, receipt to durable", now.tape_lag_s),
        ("spark_tui_tape_queue_frames", "Frames waiting for the tape", now.tape_queue),
        ("spark_tui_tape_bytes", "Bytes made durable since start", now.tape_bytes),
        ("spark_tui_evidence_bytes", "Of all evidence bundles on disk", now.evidence_bytes),
        ("spark_tui_faces", "Faces attached", now.faces),
        ("spark_tui_loop_lag_seconds", "How late the event loop was last", now.loop_lag_s),
        ("spark_tui_resident_memory_bytes", "Resident memory", now.rss_bytes),
        ("spark_tui_uptime_seconds", "Since the engine began", now.uptime_s),
    ):
        yield GaugeMetricFamily(name, text, value=value)
