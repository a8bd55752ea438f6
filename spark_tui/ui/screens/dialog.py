"""Dialogs: a framed pane over the faded screen. Esc closes every one of them; Enter confirms in none."""

import asyncio
from collections.abc import Sequence
from functools import partial

from textual.app import ComposeResult
from textual.screen import ModalScreen

from spark_tui.ui.confirm_guard import ALONE_S, Answer, ConfirmGuard
from spark_tui.ui.context import Context
from spark_tui.ui.keys import spoken
from spark_tui.ui.lines import Line, Span, clip, width_of, wrapped
from spark_tui.ui.offers import Offer
from spark_tui.ui.widgets.pane import Pane

GROUND = "ink5"  # the ground of dialogs
WIDTH = 70  # cells a dialog likes to have, its frame included
FRAME = 4
LONG_PHRASE = 20
LABEL = 13  # cells of a fact's label


class FramedPane(Pane):
    """Draws a frame with a title around the lines its screen gives."""

    always_bright = True

    def __init__(self, context: Context, screen: "DialogScreen") -> None:
        super().__init__(context, id="frame")
        self._source = screen

    def body(self, width: int, height: int) -> list[Line]:
        tone = self._source.tone
        inner = width - 4
        title = clip(((f" {self._source.title_text} ", f"b {tone}"),), width - 6)
        top: Line = (("╭─", tone), *title, ("─" * (width - 3 - width_of(title)) + "╮", tone))
        lines = [top]
        for line in self._source.lines(inner, height - 2)[: height - 2]:
            cut = clip(line, inner)
            lines.append((("│ ", tone), *cut, (" " * (inner - width_of(cut)) + " ", "ink"), ("│", tone)))
        lines += [(("│", tone), (" " * (width - 2), "ink"), ("│", tone))] * (height - 1 - len(lines))
        lines.append((("╰" + "─" * (width - 2) + "╯", tone),))
        return [tuple((text, _grounded(token)) for text, token in line) for line in lines]


def fact_lines(facts: Sequence[tuple[str, str, str]], width: int) -> list[Line]:
    """(label, text, tone) rows; a long text goes on under itself, never over the border, and a number is
    never broken at its groups."""
    lines: list[Line] = []
    for label, text, tone in facts:
        for index, row in enumerate(wrapped(text, max(10, width - LABEL - 1)) or [""]):
            lines.append(((f" {label if index == 0 else '':<{LABEL}}", "dim"), (row, tone)))
    return lines


def _grounded(token: str) -> str:
    return token if " on " in token else f"{token} on {GROUND}"


class DialogScreen(ModalScreen[None], inherit_bindings=False):
    """`answer` resolves with the key or words that were chosen, or "" when it was canceled."""

    DEFAULT_CSS = """
    DialogScreen {
        align: center middle;
        background: transparent;
        #frame { width: 70; height: 16; }
    }
    """
    AUTO_FOCUS = ""
    tone = "accent"
    title_text = ""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context = context
        self.frame = FramedPane(context, self)
        self.answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        raise NotImplementedError

    def wanted_size(self) -> tuple[int, int]:
        """Cells the frame would like; cut to the terminal."""
        return 70, 16

    def compose(self) -> ComposeResult:
        yield self.frame

    def finish(self, result: str) -> None:
        """Answer and close; a second answer changes nothing."""
        if not self.answer.done():
            self.answer.set_result(result)
            if self.is_mounted:
                self._leave()

    def _leave(self) -> None:
        if self in self.app.screen_stack:
            self.dismiss()

    def on_mount(self) -> None:
        self._resize_frame()
        if self.answer.done():  # decided by a key that came before the first paint
            self._leave()

    def on_resize(self) -> None:
        self._resize_frame()

    def _resize_frame(self) -> None:
        width, height = self.wanted_size()
        self.frame.styles.width = max(20, min(width, self.app.size.width - 2))
        self.frame.styles.height = max(5, min(height, self.app.size.height - 2))

    def take_key(self, name: str, character: str | None) -> None:
        if name == "escape":
            self.finish("")

    def take_paste(self, text: str) -> None:
        """A pasted text decides nothing."""


class ConfirmScreen(DialogScreen):
    """Says what will be sent, what it is worth, what it rests on and what follows; focus is on Cancel."""

    def __init__(self, context: Context, offer: Offer) -> None:
        super().__init__(context)
        self.offer = offer
        self.tone = offer.tone
        self.title_text = offer.title
        self.guard = ConfirmGuard(
            keys=frozenset() if offer.phrase else frozenset(key for key, _ in offer.choices),
            phrase=offer.phrase,
            opening_keys=frozenset(offer.opened_by),
            opened_s=context.clock.mono_s(),
            expires_s=offer.expires_s,
        )
        self._presses = 0

    def on_mount(self) -> None:
        super().on_mount()
        self.set_interval(0.2, self.tick)

    def tick(self) -> None:
        """Once in a while: the countdown, and the end of the offer."""
        if self.guard.left_s(self.context.clock.mono_s()) <= 0:
            self.context.say("info", f"{self.offer.title}: expired, nothing was done")
            self.finish("")
            return
        self.frame.pull()

    def wanted_size(self) -> tuple[int, int]:
        width = min(WIDTH, self.app.size.width - 2)
        facts = len(fact_lines(self.offer.facts, width - FRAME))
        return width, facts + 8 + max(1, len(self.offer.choices)) + self._long_phrase

    @property
    def _long_phrase(self) -> bool:
        """What is typed then has a line of its own."""
        return len(self.offer.phrase) > LONG_PHRASE

    def lines(self, width: int, height: int) -> Sequence[Line]:
        now = self.context.clock.mono_s()
        lines: list[Line] = [(), *fact_lines(self.offer.facts, width), ()]
        if self.offer.phrase:
            what: Span = (f" type {self.offer.phrase} to {self.offer.choices[0][1]}  ", "dim")
            room = len(self.offer.phrase) + 3
            typed: Span = (f" {self.guard.typed}▏".ljust(room), "b ink on background")
            lines += [(what,), ((" " * 6, "dim"), typed)] if self._long_phrase else [(what, typed)]
        else:
            for key, deed in self.offer.choices:
                lines.append(((f" {spoken(key):>3}  ", "b accent"), (deed, "ink")))
        lines.append(())
        lines.append(
            (
                (" ", "ink"),
                (" Esc  Cancel ", "b background on accent"),
                ("  focus is here; Enter never confirms", "dim"),
            )
        )
        left = f" offer ends in {self.guard.left_s(now):.0f} s"
        wait: Span = (" · keys are ignored for 0.4 s", "dim") if self.guard.settling(now) else ("", "dim")
        return [*lines, (), ((left, "dim"), wait)]

    def take_key(self, name: str, character: str | None) -> None:
        self._presses += 1
        answer = self.guard.press(name, character, self.context.clock.mono_s())
        if answer is Answer.CANCELED:
            self.finish("")
        elif answer is Answer.DECIDING:
            self.set_timer(ALONE_S, partial(self._decide, self._presses))
        self.frame.pull()

    def _decide(self, press: int) -> None:
        """A timer that was stopped may have called already, so each is for one press alone."""
        if press == self._presses:
            self.finish(self.guard.decision)
