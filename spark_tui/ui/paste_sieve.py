"""Pastes told from what is typed, however the terminal cuts them into pieces. Pure: time is an argument."""

import re

from textual import constants, events

BEGIN, END = "\x1b[200~", "\x1b[201~"
SHORT = {BEGIN[:1], BEGIN[:2]}  # keys on their own as well
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # but tabs and line ends
MARKS = re.compile(r"\x1b\[20[01]~")
CUT = "…"  # ends what is not all of a paste: half of a number is another one
MOST = 1_048_576  # characters kept of a paste
KEPT = 4_096  # and of one that is longer
KEY = 12  # the longest sequence of one key
KEYS = 64  # a terminal that keeps up sends no more of what is typed at once

QUIET_S = 0.03  # an end counts once nothing follows it for as long
BULK_S = 0.25  # or no more than keys
HAND_S = 0.15  # no terminal waits as long between a paste's characters; a hand between its keys does
GONE_S = 1.0  # whatever has begun goes no further
ESCAPE_S = constants.ESCAPE_DELAY  # Esc alone is a key
LOOK_S = 0.1

Piece = str | events.Paste


class PasteSieve:
    """What is typed, as text, and pastes without control characters, in their order. `feed` takes what came,
    `pause` what is due by now."""

    def __init__(self) -> None:
        self._inside = False
        self._pasted = ""
        self._cut = False  # not all of a paste is here, or what comes next may be the rest of one
        self._held = ""  # perhaps the beginning of a beginning
        self._before = ""  # such a one that was passed on
        self._came = 0.0
        self._went_on = (
            0.0  # when there was more than a hand sends, which hits ctrl+k because nothing happens
        )
        self._bulk = 0.0  # when a paste last came on as no key does

    def wait(self, now: float) -> float:
        """How long there is nothing to do unless something comes."""
        due = LOOK_S
        if self._inside and END in self._pasted:
            due = self._came + QUIET_S - now
        elif self._held in SHORT:
            due = self._came + ESCAPE_S - now
        return min(max(due, 0.0), LOOK_S)

    def feed(self, text: str, now: float) -> list[Piece]:
        if not self._inside or len(text) > KEY or now < self._came + HAND_S:
            self._went_on = now
        self._came = now
        if not self._inside and not self._goes_on(text):
            return self._typed(text, now)
        self._inside = True
        self._take(text, now)
        return []

    def pause(self, now: float) -> list[Piece]:
        if not self._inside:
            return self._typing_paused(now)
        if END in self._pasted:
            return self._ended() if now >= min(self._came + QUIET_S, self._bulk + BULK_S) else []
        if now >= self._went_on + GONE_S:
            self._cut = True
            return [self._paste(self._pasted)]
        return []

    # --- typing

    def _typed(self, text: str, now: float) -> list[Piece]:
        own = self._held + text
        joined = self._before + own
        at, passed = joined.find(BEGIN), len(self._before)
        self._held = self._before = ""
        if at >= 0:
            self._inside, self._cut = True, False
            self._take(joined[at + len(BEGIN) :], now)
            return _unless_empty(joined[passed:at])
        begun = next((size for size in range(len(BEGIN) - 1, 0, -1) if joined.endswith(BEGIN[:size])), 0)
        if begun > len(own):
            self._before = joined[-begun:]
            return [own]
        self._held = own[len(own) - begun :]
        return _unless_empty(own[: len(own) - begun])

    def _typing_paused(self, now: float) -> list[Piece]:
        """Esc is no beginning for long; but what completes one that was passed on still begins a paste."""
        if now >= self._came + GONE_S:
            self._before = ""
        if self._held and now >= self._came + (GONE_S if self._held not in SHORT else ESCAPE_S):
            self._before, self._held = self._held, ""
            return [self._before]
        return []

    def _goes_on(self, text: str) -> bool:
        """Of a paste that was cut short, the rest may come after all: a line that stalls."""
        return self._cut and not text.startswith("\x1b") and (END in text or len(text) > KEYS)

    # --- pasting

    def _take(self, text: str, now: float) -> None:
        if END not in self._pasted or len(text) > KEYS:
            self._bulk = now
        self._pasted += text
        if len(self._pasted) > MOST:
            self._pasted, self._cut = self._pasted[-KEPT:], True

    def _ended(self) -> list[Piece]:
        """At the last end that came at once: one that was pasted itself lets nothing out."""
        text, _, rest = self._pasted.rpartition(END)
        paste = self._paste(text)
        self._cut = False
        return [paste, *(self.feed(rest, self._came) if rest else [])]

    def _paste(self, text: str) -> events.Paste:
        self._inside, self._pasted = False, ""
        return events.Paste(_plain(text) + (CUT if self._cut else ""))


def _unless_empty(text: str) -> list[Piece]:
    return [text] if text else []


def _plain(text: str) -> str:
    """Of pastes that came at once, and what was typed between them, no two numbers become one; the price is
    that a key between them is no key."""
    return CONTROLS.sub("", MARKS.sub("\n", text))
