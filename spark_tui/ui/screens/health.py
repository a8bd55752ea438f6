"""The Health screen: every stream, the request budget, ledger, tape, loop and the line to this terminal."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.widget import Widget

from spark_tui.domain.health import StreamHealth
from spark_tui.link.messages import GetHealth, Health, Status
from spark_tui.ui import format as fmt
from spark_tui.ui.context import Context
from spark_tui.ui.lines import Line
from spark_tui.ui.model import Topic
from spark_tui.ui.screens.asking import AskingScreen
from spark_tui.ui.widgets.line_table import Column, LineTable, RowKey, cells
from spark_tui.ui.widgets.pane import Pane

STATE_TONES = {"live": ("● live", "up"), "connecting": ("◐ connecting", "warn"), "stale": ("◐ stale", "warn")}
LABEL = 13
RATE_S = 0.9  # of the terminal, at least
SLOW_LEDGER_MS = 10.0
SLOW_LOOP_MS = 50.0


class Streams(LineTable):
    topics = frozenset({Topic.HEALTH, Topic.LINK})

    def heading(self, width: int) -> Line:
        health = self.context.model.health
        # a connection's row counts its streams' messages again
        rate = sum(stream.rate for stream in health.streams if "@" in stream.name) if health else 0.0
        return self.rule(self.name_span("Streams"), ((f"{rate:.0f} msg/s ", "dim"),), width)

    def _streams(self) -> dict[RowKey, StreamHealth]:
        health = self.context.model.health
        return {(stream.venue, stream.name): stream for stream in health.streams} if health else {}

    def keys(self) -> Sequence[RowKey]:
        return list(self._streams())

    def columns(self, width: int) -> tuple[Column, ...]:
        name = max(22, min(34, width - 72))
        wide = (Column("messages", 11, right=True), Column("detail", max(8, width - name - 84)))
        return (
            Column("stream", name),
            Column("state", 12),
            Column("age", 6, right=True),
            Column("msg/s", 7, right=True),
            Column("lag", 7, right=True),
            Column("gaps", 5, right=True),
            Column("reconn", 6, right=True),
            *(wide if width >= 100 else ()),
        )

    def empty(self) -> str:
        return "waiting for the engine's report"

    def row(self, key: RowKey, width: int) -> Line:
        stream = self._streams()[key]
        state, tone = STATE_TONES.get(stream.state, (f"○ {stream.state}", "down"))
        age = (
            fmt.ABSENT
            if stream.age_s is None
            else f"{stream.age_s:.1f}s"
            if stream.age_s < 10
            else fmt.age(stream.age_s)
        )
        values = [
            (stream.name, "ink"),
            (state, tone),
            (age, "ink" if stream.state == "live" else "warn"),
            (f"{stream.rate:.1f}", "ink"),
            (_ms(stream.lag_ms), "ink"),
            (str(stream.gaps), "warn" if stream.gaps else "dim"),
            (str(stream.reconnects), "warn" if stream.reconnects else "dim"),
            (fmt.group(str(stream.messages)), "dim"),
            (stream.detail, "dim"),
        ]
        columns = self.columns(width)
        return cells(columns, values[: len(columns)])


class Facts(Pane):
    """A titled list of label and value."""

    name_text = ""

    def heading(self, width: int) -> Line:
        return self.rule(((self.name_text, "dim"),), (), width)

    def facts(self, width: int) -> list[tuple[str, Line]]:
        raise NotImplementedError

    def body(self, width: int, height: int) -> list[Line]:
        return [((f" {label:<{LABEL}}", "dim"), *value) for label, value in self.facts(width)][:height]


class EngineFacts(Facts):
    topics = frozenset({Topic.HEALTH, Topic.STATUS, Topic.LINK, Topic.SECOND})
    name_text = "Engine"

    def facts(self, width: int) -> list[tuple[str, Line]]:
        model = self.context.model
        facts: list[tuple[str, Line]] = []
        if model.health is not None:
            facts += _measures(model.health)
        if model.status is not None:
            facts += _identity(model.status, width)
        notes = (*(model.health.notes if model.health else ()), *(model.status.notes if model.status else ()))
        facts += [_fact("note", fmt.fit(note, width - LABEL - 1), "warn") for note in notes]
        return facts or [_fact("", "waiting for the engine's report", "dim")]


def _fact(label: str, text: str, tone: str = "ink") -> tuple[str, Line]:
    return label, ((text, tone),)


def _ms(milliseconds: float | None, *, sign: bool = False) -> str:
    return fmt.took(None if milliseconds is None else milliseconds / 1_000, sign=sign)


def _measures(health: Health) -> list[tuple[str, Line]]:
    slow = "warn" if health.ledger_lag_ms > SLOW_LEDGER_MS else "ink"
    late = "warn" if health.loop_lag_ms > SLOW_LOOP_MS else "ink"
    frames = f"{fmt.group(str(health.tape_frames))} frames, {fmt.size(health.tape_bytes)}"
    dropped: Line = ((f", {health.tape_dropped} dropped", "down"),) if health.tape_dropped else ()
    return [
        _fact("ledger", f"{_ms(health.ledger_lag_ms)} to durable", slow),
        _fact("", f"{fmt.group(str(health.ledger_entries))} entries", "dim"),
        _fact("tape", f"{_ms(health.tape_lag_ms)} behind, {health.tape_queue} queued"),
        ("", ((frames, "dim"), *dropped)),
        _fact("event loop", f"{_ms(health.loop_lag_ms)} late", late),
        _fact("memory", fmt.size(health.rss_bytes)),
    ]


def _identity(status: Status, width: int) -> list[tuple[str, Line]]:
    metrics = f"127.0.0.1:{status.metrics_port}" if status.metrics_port else "off"
    return [
        _fact("up", f"{fmt.elapsed(status.uptime_s)}  pid {status.pid}"),
        _fact("attached", f"{status.faces} cockpit{'s' if status.faces != 1 else ''}"),
        _fact("metrics", metrics, "ink" if status.metrics_port else "dim"),
        _fact("data", fmt.fit(status.data_dir, max(8, width - LABEL - 1)), "dim"),
    ]


class VenueFacts(Facts):
    topics = frozenset({Topic.HEALTH, Topic.STATUS, Topic.SECOND})
    name_text = "Venues"

    def facts(self, width: int) -> list[tuple[str, Line]]:
        model = self.context.model
        facts: list[tuple[str, Line]] = []
        for venue in model.status.venues if model.status else ():
            tone = "up" if venue.state == "up" else "warn" if venue.state != "down" else "down"
            facts.append((venue.name, ((venue.state, f"b {tone}"), (f"  {venue.environment}", "ink"))))
            weight = model.health.weights.get(venue.name, venue.weight) if model.health else venue.weight
            share = weight.used / weight.limit if weight.limit else 0.0
            filled = min(16, round(share * 16))
            bar_tone = "down" if share >= 0.9 else "warn" if share >= 0.6 else "up"
            meter: Line = (("━" * filled, bar_tone), ("━" * (16 - filled), "faint"))
            facts.append(("  weight", (*meter, (f" {weight.used}/{weight.limit}", "ink"))))
            offset = (
                "not measured"
                if venue.clock_offset_ms is None
                else f"{_ms(venue.clock_offset_ms, sign=True)} from ours"
            )
            facts.append(("  clock", ((offset, "ink"),)))
            if venue.detail:
                facts.append(("", ((fmt.fit(venue.detail, width - LABEL - 1), "warn"),)))
        return facts


class TerminalFacts(Facts):
    """The line to this terminal: what is sent, what waits, how long a frame takes."""

    topics = frozenset({Topic.SECOND})
    every_s = 1.0
    name_text = "This terminal"

    def __init__(self, context: Context, *, id: str | None = None) -> None:
        super().__init__(context, id=id)
        self._then: tuple[float, int] | None = None
        self._rate = 0.0

    def facts(self, width: int) -> list[tuple[str, Line]]:
        link = self.context.terminal()
        now = self.context.clock.mono_s()
        then_s, then_bytes = self._then or (now, link.written)
        elapsed = now - then_s
        if elapsed >= RATE_S:  # a whole screen painted within milliseconds is no rate
            self._rate = (link.written - then_bytes) / elapsed
        if self._then is None or elapsed >= RATE_S:
            self._then = (now, link.written)
        return [
            ("sent", ((f"{fmt.size(self._rate)}/s", "ink"), (f"  {fmt.size(link.written)} in all", "dim"))),
            ("queued", ((f"{link.queued} writes", "warn" if link.queued > 2 else "ink"),)),
            _fact("frame", _ms(link.frame_ms)),
            _fact("", f"{link.beats} painted, {link.skipped} skipped", "dim"),
            ("beat", ((f"{link.rate_hz:g} a second{' (lean)' if self.context.lean else ''}", "ink"),)),
        ]


class HealthScreen(AskingScreen):
    screen_name = "health"
    DEFAULT_CSS = """
    HealthScreen {
        #middle { layout: vertical; }
        #streams { height: 1fr; margin-bottom: 1; }
        #facts { layout: horizontal; height: 12; }
        #engine-facts, #venue-facts { margin-right: 1; }
        &.narrow #terminal-facts { display: none; }
        &.narrow #facts { height: 10; }
    }
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.table: Streams = Streams(context, id="streams")

    def compose_middle(self) -> ComposeResult:
        yield self.table
        with Widget(id="facts"):
            yield EngineFacts(self.context, id="engine-facts")
            yield VenueFacts(self.context, id="venue-facts")
            yield TerminalFacts(self.context, id="terminal-facts")

    async def ask(self) -> None:
        result = await self.context.call(GetHealth())
        if isinstance(result, Health):
            self.context.model.apply(result)
