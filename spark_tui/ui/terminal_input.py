"""What the terminal sends, as messages: a paste is one paste whatever is in it, and no byte ends it all.

Textual's own loop takes what follows an escape inside a paste for keys, control keys among them, and gives up
at a byte that is no UTF-8. The second place that looks inside Textual's driver.
"""

import os
import selectors
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable, Iterator
from threading import Event
from time import monotonic

from textual._xterm_parser import XTermParser
from textual.message import Message

from spark_tui.ui.paste_sieve import BEGIN, PasteSieve, Piece

CHUNK = 4_096


class EnduringParser:
    """Textual's parser, which ends at a sequence that it cannot read. Here that sequence alone is lost."""

    def __init__(self) -> None:
        self._parser = XTermParser(False)

    def feed(self, text: str) -> Iterator[Message]:
        for character in text:
            yield from self._survived(self._parser.feed(character))

    def tick(self) -> Iterator[Message]:
        yield from self._survived(self._parser.tick())

    def finish(self) -> Iterator[Message]:
        """Nothing more belongs to the sequence that has begun."""
        yield from self._survived(self._parser.feed(""))
        self._renew()

    def _survived(self, messages: Iterable[Message]) -> Iterator[Message]:
        try:
            yield from messages
        except (ValueError, ArithmeticError):  # a code that is no character, a size of nothing
            self._renew()

    def _renew(self) -> None:
        """The mouse goes on being told in pixels, where the terminal does that and has a size."""
        old, self._parser = self._parser, XTermParser(False)
        self._parser.last_x, self._parser.last_y = old.last_x, old.last_y
        if all((*(old.terminal_size or (0,)), *(old.terminal_pixel_size or (0,)))):
            self._parser.mouse_pixels = old.mouse_pixels
            self._parser.terminal_size = old.terminal_size
            self._parser.terminal_pixel_size = old.terminal_pixel_size


class TerminalInput:
    """Text of the terminal to messages. The parser never sees a paste. Pure but for the parser's clock."""

    def __init__(self) -> None:
        self._sieve, self._parser = PasteSieve(), EnduringParser()
        self.wait = self._sieve.wait

    def feed(self, text: str, now: float) -> Iterator[Message]:
        """`text` may be empty: then what is due by now."""
        for piece in (*(self._sieve.feed(text, now) if text else ()), *self._sieve.pause(now)):
            yield from self._messages(piece)
        yield from self._parser.tick()

    def _messages(self, piece: Piece) -> Iterator[Message]:
        if not isinstance(piece, str):
            yield from self._parser.finish()
            yield piece
            return
        yield from self._parser.feed(piece)
        if BEGIN.startswith(piece):  # waited for already
            yield from self._parser.finish()


def listen(fileno: int, over: Event, take: Callable[[Message], None]) -> None:
    """Until it is over or the terminal is gone; in a thread of its own."""
    terminal = TerminalInput()
    decoder = getincrementaldecoder("utf-8")("replace")
    with selectors.SelectSelector() as selector:
        selector.register(fileno, selectors.EVENT_READ)
        while not over.is_set():
            text = ""
            if selector.select(terminal.wait(monotonic())):
                data = _read(fileno)
                if not data:  # the terminal is gone; an exit may wait for this thread and tell it nothing
                    return
                text = decoder.decode(data)
            for message in terminal.feed(text, monotonic()):
                take(message)


def _read(fileno: int) -> bytes:
    """Nothing when the terminal is gone, which some say as an error."""
    try:
        return os.read(fileno, CHUNK)
    except OSError:
        return b""
