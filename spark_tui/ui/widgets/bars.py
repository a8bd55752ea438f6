"""The edges of the screen: the status bar at the top, the banner under it, the keys at the bottom."""

from collections.abc import Callable
from decimal import Decimal

from spark_tui.domain.values import Environment, TradingState
from spark_tui.link.messages import Status, VenueRow
from spark_tui.ui import format as fmt
from spark_tui.ui.actions import ACTIONS, EVERYWHERE
from spark_tui.ui.context import Context
from spark_tui.ui.keys import spoken
from spark_tui.ui.lines import Line, Span, clip, spread, width_of
from spark_tui.ui.model import Topic
from spark_tui.ui.widgets.pane import Pane

ENVIRONMENT_TONES = {
    Environment.SIM: "accent",
    Environment.PAPER: "up",
    Environment.TESTNET: "warn",
    Environment.LIVE: "down",
}
STATE_TONES = {TradingState.ACTIVE: "up", TradingState.REDUCING: "warn", TradingState.HALTED: "down"}
AGE_SHOWN_S = 3.0  # a venue younger than this has nothing to say
WIDE = 100
SCREEN_KEYS = "F1-F" + str(max(int(key[1:]) for one in ACTIONS for key in one.keys if key[1:].isdecimal()))


class StatusBar(Pane):
    """The environment is the bar: its word and its colour. LIVE fills the bar, all others tint it."""

    topics = frozenset({Topic.STATUS, Topic.BALANCES, Topic.LINK, Topic.SECOND})

    def body(self, width: int, height: int) -> list[Line]:
        status = self.context.model.status
        if status is None:
            return [((f"{' spark-tui  attaching to the engine':<{width}}", "dim on faint40"),)]
        tone = ENVIRONMENT_TONES[status.environment]
        live = status.environment is Environment.LIVE
        ground = f"on {tone}" if live else f"on {tone}30"
        ink = "b background" if live else "ink"
        quiet = "background" if live else "ink"
        word = f" {status.environment} " if not live else " LIVE · REAL MONEY "
        left: list[Span] = [(f" {word} ", f"b background on {tone}" if not live else "b down on background")]
        wide = width >= WIDE
        left.append(((" Data: " if wide else " ") + status.data_badge, f"{quiet} {ground}"))
        state_tone = ink if live else f"b {STATE_TONES[status.trading_state]}"
        state = "RECONCILING" if status.reconciling else status.trading_state.value
        left.append((f"  {state}", f"{'b warn' if status.reconciling and not live else state_tone} {ground}"))
        if live:
            left.append((f"  {_armed(status, self.context.model.venue_now_ms())}", f"b background {ground}"))
        for venue in status.venues:
            left += self._venue(venue, ground, quiet, live)
        if status.unknown_orders:
            unknown_tone = "b background" if live else "b warn"
            left.append((f"  {status.unknown_orders} UNKNOWN", f"{unknown_tone} {ground}"))
        right = self._right(status, quiet, ground, live, wide)
        room = width - width_of(left) - 2
        while len(right) > 1 and sum(width_of(group) for _, group in right) > room:
            right.remove(min(right, key=lambda group: group[0]))
        end = tuple(span for _, group in right for span in group)
        return [spread(clip(tuple(left), width), end, width, (" ", f"{quiet} {ground}"))]

    def _venue(self, venue: VenueRow, ground: str, quiet: str, live: bool) -> list[Span]:
        dot, tone = {"up": ("●", "up"), "down": ("○", "down")}.get(venue.state, ("◐", "warn"))
        status_age = self.context.model.status_age_s()
        age = None if venue.age_s is None else venue.age_s + status_age
        spans: list[Span] = [
            (f"  {dot}", f"{quiet if live else tone} {ground}"),
            (f" {venue.name.rpartition('-')[2]}", f"{quiet} {ground}"),
        ]
        if venue.state != "up":
            spans.append((f" {venue.state}", f"{quiet if live else 'warn'} {ground}"))
        elif age is not None and age >= AGE_SHOWN_S:
            spans.append((f" {fmt.age(age)}", f"{quiet if live else 'warn'} {ground}"))
        return spans

    def _right(
        self, status: Status, quiet: str, ground: str, live: bool, wide: bool
    ) -> list[tuple[int, Line]]:
        """Day's profit, equity, weight, clock, each with how dear it is: the cheapest gives way first."""
        balances = self.context.model.balances
        equity = balances.equity if balances is not None else status.equity
        pnl = balances.day_pnl if balances is not None else status.day_pnl
        weights = [venue.weight for venue in status.venues if venue.weight.limit]
        used = max((weight.used / weight.limit for weight in weights), default=0.0)
        weight_tone = quiet if live or used < 0.7 else "b warn"
        clock = fmt.clock(self.context.model.venue_now_ms())
        sign = quiet if live else _sign_tone(pnl)
        return [
            (3, (("day ", f"{quiet} {ground}"), (f"{fmt.fixed(pnl, 2, sign=True)}  ", f"{sign} {ground}"))),
            (2, ((f"eq {fmt.fixed(equity, 2 if wide else 0)}  ", f"{quiet} {ground}"),)),
            (1, ((f"wt {used:.0%}  ", f"{weight_tone} {ground}"),)),
            (4, ((f"{clock}Z " if wide else f"{clock[:5]} ", f"{quiet} {ground}"),)),
        ]


def _armed(status: Status, now_ms: int) -> str:
    arming = status.arming
    if arming is None or arming.lapsed or now_ms >= arming.expires_ms:
        return "NOT ARMED"
    return f"ARMED {fmt.elapsed((arming.expires_ms - now_ms) / 1_000)}"


def _sign_tone(value: Decimal | None) -> str:
    return "b up" if value and value > 0 else "b down" if value and value < 0 else "ink"


class Banner(Pane):
    """One loud line under the bar while something stands: the engine is lost, trading is halted, a disk is
    full. Hidden while there is nothing to say."""

    topics = frozenset({Topic.STATUS, Topic.LINK, Topic.SECOND, Topic.LOG})
    always_bright = True

    def words(self) -> tuple[str, str]:
        """(text, tone); empty text hides the banner."""
        model = self.context.model
        if model.alarm:
            return model.alarm, "down"
        if model.lost_because and model.status is not None:
            age = fmt.age(model.clock.mono_s() - model.lost_at_s)
            return f"ENGINE LOST {age} · all below is old · attaching again · {model.lost_because}", "down"
        if model.lost_because:
            return f"No engine yet: {model.lost_because}", "warn"
        status = model.status
        if status is None:
            return "", "ink"
        if status.trading_state is TradingState.HALTED:
            because = f" by {status.halt_reason}" if status.halt_reason else ""
            result = f" · {model.kill_result}" if model.kill_result else ""
            return f"HALTED{because}: only cancels leave{result} · R resumes", "down"
        if status.notes:
            return " · ".join(status.notes), "warn"
        return "", "ink"

    def pull(self) -> None:
        text, _ = self.words()
        self.display = bool(text)
        super().pull()

    def body(self, width: int, height: int) -> list[Line]:
        text, tone = self.words()
        if not text:
            return []
        return [((f" ■ {fmt.fit(text, width - 4)}".ljust(width), f"b background on {tone}"),)]


class Footer(Pane):
    """The keys that work here, and the kill switch apart at the right, always at the same place."""

    topics = frozenset({Topic.LINK})

    def __init__(self, context: Context, screen_name: Callable[[], str], *, id: str | None = None) -> None:
        super().__init__(context, id=id)
        self._screen_name = screen_name

    def body(self, width: int, height: int) -> list[Line]:
        name = self._screen_name()
        own = [action for action in ACTIONS if action.footer and name in action.screens]
        anywhere = [action for action in ACTIONS if action.footer and EVERYWHERE in action.screens]
        kill: Line = ((" ctrl+k KILL ", "b ink on down60"), (" ", "ink"))
        line: list[Span] = [(" ", "ink")]
        roomy = width >= WIDE
        for action in (*own, *anywhere):
            label, shorter, short = action.footer.partition("|")
            if shorter and not short and not roomy:
                continue
            after = f" {label}   " if roomy else f" {short or label}  "
            more: Line = ((spoken(action.keys[0]), "b accent"), (after, "dim"))
            if width_of(line) + width_of(more) + width_of(kill) >= width:
                break
            line += more
        for word in (" Screens", ""):
            screens: Line = ((SCREEN_KEYS, "b accent"), (word, "dim"))
            if width_of(line) + width_of(screens) + width_of(kill) < width:
                line += screens
                break
        return [spread(tuple(line), kill, width)]
