"""What the terminal sends, as messages: a paste is one paste whatever is in it, and no byte ends it all.

Textual's own loop takes what follows an escape inside a paste for keys, control keys among them, and gives up
at a byte that is no UTF-8. The second place that looks inside Textual's driver.
"""

import os
import re
import selectors
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable, Iterator
from threading import Event

from textual._xterm_parser import XTermParser
from textual.message import Message

BEGIN, END = "\x1b[200~", "\x1b[201~"
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # but tabs and line ends
MARKS = re.compile(r"\x1b\[20[01]~")
CHUNK = 4_096
LOOK_S = 0.1  # between looks whether it is over; a key is taken at once


class PasteSieve:
    """Takes control characters out of pastes, however the text is cut into pieces. Pure."""

    def __init__(self) -> None:
        self._inside = False
        self._before = ""  # the end of what was passed on: a beginning may be cut in two
        self._held = ""  # perhaps the beginning of an end

    def feed(self, text: str) -> str:
        out: list[str] = []
        text, self._held = self._held + text, ""
        while text:
            part, text = self._pasted(text) if self._inside else self._typed(text)
            out.append(part)
        return "".join(out)

    def _typed(self, text: str) -> tuple[str, str]:
        """(what passes, what is left)"""
        joined = self._before + text
        at = joined.find(BEGIN)
        if at < 0:
            self._before = joined[1 - len(BEGIN) :]
            return text, ""
        cut = at + len(BEGIN) - len(self._before)
        self._inside, self._before = True, ""
        return text[:cut], text[cut:]

    def _pasted(self, text: str) -> tuple[str, str]:
        """To the last end that came at once: one that was pasted itself lets nothing out."""
        at = text.rfind(END)
        if at >= 0:
            self._inside = False
            return _plain(text[:at]) + END, text[at + len(END) :]
        begun = next((size for size in range(len(END) - 1, 0, -1) if text.endswith(END[:size])), 0)
        self._held = text[len(text) - begun :]
        return _plain(text[: len(text) - begun]), ""


def _plain(text: str) -> str:
    """Of pastes that came at once, and what was typed between them, no two numbers become one; the price is
    that a key between them is no key."""
    return CONTROLS.sub("", MARKS.sub("\n", text))


class EnduringParser:
    """Textual's parser, which ends at a sequence that it cannot read. Here that sequence alone is lost."""

    def __init__(self) -> None:
        self._parser = XTermParser(False)

    def feed(self, text: str) -> Iterator[Message]:
        for character in text:
            yield from self._survived(self._parser.feed(character))

    def tick(self) -> Iterator[Message]:
        yield from self._survived(self._parser.tick())

    def _survived(self, messages: Iterable[Message]) -> Iterator[Message]:
        try:
            yield from messages
        except (ValueError, ArithmeticError):  # a code that is no character, a size of nothing
            self._parser = XTermParser(False)


def listen(fileno: int, over: Event, take: Callable[[Message], None]) -> None:
    """Until it is over or the terminal is gone; in a thread of its own."""
    parser, sieve = EnduringParser(), PasteSieve()
    decoder = getincrementaldecoder("utf-8")("replace")
    with selectors.SelectSelector() as selector:
        selector.register(fileno, selectors.EVENT_READ)
        while not over.is_set():
            if selector.select(LOOK_S):
                data = os.read(fileno, CHUNK)
                if not data:  # the terminal is gone; an exit may wait for this thread and tell it nothing
                    return
                if text := sieve.feed(decoder.decode(data)):
                    for message in parser.feed(text):
                        take(message)
            for message in parser.tick():
                take(message)
