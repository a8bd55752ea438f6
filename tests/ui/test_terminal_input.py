"""What a terminal may send: pastes with anything in them, in any pieces, and bytes that are no text."""

import os
import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import constants, events
from textual._xterm_parser import XTermParser
from textual.message import Message

from spark_tui.ui import terminal_input
from spark_tui.ui.number_field import NumberField
from spark_tui.ui.number_typing import NO_NUMBER
from spark_tui.ui.paste_sieve import BEGIN, CUT, END, GONE_S, KEYS, MOST
from spark_tui.ui.terminal_input import TerminalInput, listen

STUCK_S = 10
EVIL = "b0.1\x1b[2JX y\x0f\x1bs9\x0b\x1b[A\x1b[201~ctrl\x0f\x1b[200~q\x1b"


def messages(pieces: list[str], gap: float = 0.0) -> list[Message]:
    """What `pieces` come to, so many seconds apart, and then silence."""
    terminal = TerminalInput()
    found: list[Message] = []
    for number, piece in enumerate(pieces):
        found += terminal.feed("", number * gap)  # as `listen` does before it takes what came
        found += terminal.feed(piece, number * gap)
    return [*found, *terminal.feed("", len(pieces) * gap + GONE_S)]


def heard(data: bytes) -> list[Message]:
    """By `listen`, all of it waiting to be read; its last key is Q."""
    reading, writing = os.pipe()
    over, came = threading.Event(), threading.Event()
    found: list[Message] = []

    def take(message: Message) -> None:
        found.append(message)
        if isinstance(message, events.Key) and message.key == "Q":
            came.set()

    os.write(writing, data + b"Q")
    listening = threading.Thread(target=listen, args=(reading, over, take), daemon=True)
    listening.start()
    try:
        assert came.wait(STUCK_S), found
        over.set()
        listening.join(STUCK_S)
        assert not listening.is_alive()
    finally:
        os.close(writing)
    os.close(reading)
    return found


def keys(found: list[Message]) -> list[str]:
    return [one.key for one in found if isinstance(one, events.Key)]


def cut(text: str, places: list[int]) -> list[str]:
    edges = [0, *sorted({place % len(text) for place in places}), len(text)]
    return [text[start:end] for start, end in pairwise(edges) if start < end]


PARTS = st.lists(
    st.sampled_from(["\x1b", "[", "200", "201", "~", "X", "y", "\x0f", "\r", "é", "漢", "\x00"]), max_size=40
)


@given(PARTS, st.lists(st.integers(0, 999), max_size=6))
def test_a_paste_is_one_paste_however_it_is_cut(parts: list[str], places: list[int]) -> None:
    pasted = "".join(parts).replace(END, "")
    text = f"{BEGIN}v{pasted}{END}"
    first, *rest = messages([*cut(text, places), "q"])
    assert isinstance(first, events.Paste)
    assert not set(first.text) & {"\x1b", "\x0f", "\x00"}
    assert [one.key for one in rest if isinstance(one, events.Key)] == ["q"]
    assert len(rest) == 1


@pytest.mark.parametrize("size", [1, 2, 3, 7, 4_096])
def test_what_is_pasted_presses_no_key(size: int) -> None:
    text = f"{BEGIN}{EVIL.replace(END, '')}{END}"
    found = messages([text[at : at + size] for at in range(0, len(text), size)])
    assert [type(one) for one in found] == [events.Paste]


@pytest.mark.parametrize("size", [1, 7, 100, 4_095])
def test_an_end_that_is_pasted_itself_lets_nothing_out(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a read ends with it."""
    monkeypatch.setattr(terminal_input, "CHUNK", size)
    to_end = len(BEGIN) + EVIL.index(END) + len(END)
    padding = "v" * (-to_end % size)
    found = heard(f"{BEGIN}{padding}{EVIL}{END}".encode())
    assert [type(one) for one in found] == [events.Paste, events.Key]


def test_keys_are_keys_before_and_after() -> None:
    found = messages([f"x\x0f{BEGIN}0.1{END}", "\x1b[A"])
    assert [one.key if isinstance(one, events.Key) else one.text for one in found] == [  # type: ignore[attr-defined]
        *("x", "ctrl+o"),
        "0.1",
        "up",
    ]


def test_bytes_that_are_no_text_end_nothing() -> None:
    found = heard(b"\xff\xfe\xc3\x28" + BEGIN.encode() + b"\xe9t\xe9" + END.encode())
    assert any(isinstance(one, events.Paste) for one in found)
    assert keys(found)[-1] == "Q"


@pytest.mark.parametrize(
    "sequence",
    [
        "\x1b[97;1:3u",
        "\x1b[1;1:2A",
        "\x1b[97:65;2u",
        "\x1b[1114112;1u",
        "\x1b[99999999999999999999;1u",
        "\x1b[:;~",
        "\x1b[48;24;80;0;0t\x1b[<35;5;5M",
    ],
)
def test_a_sequence_that_the_parser_cannot_read_loses_itself_alone(sequence: str) -> None:
    found = messages([f"a{sequence}q\x0b\x1b[A", sequence, "x"])
    assert keys(found) == ["a", "q", "ctrl+k", "up", "x"]


def test_two_pastes_at_once_are_never_one_number() -> None:
    found = messages([f"{BEGIN}0.1{END}\x15{BEGIN}2{END}"])
    typing = NumberField()
    for one in found:
        assert isinstance(one, events.Paste)
        typing.paste(one.text)
    assert (typing.text, typing.said) == ("", NO_NUMBER)


def test_keys_after_a_paste_wait_for_no_silence() -> None:
    """A mouse that moves on, say."""
    terminal = TerminalInput()
    found = list(terminal.feed(f"{BEGIN}0.1{END}\x0b", 0.0))
    for hundredth in range(1, 40):
        found += terminal.feed("\x1b[<35;5;5M", hundredth / 100)
    assert keys(found) == ["ctrl+k"]


def test_a_paste_without_an_end_is_over_when_nothing_comes() -> None:
    terminal = TerminalInput()
    assert not [
        *terminal.feed(f"{BEGIN}0.1", 0.0),
        *terminal.feed("v" * 20 + "\x1b[20", 0.9),
        *terminal.feed("", 1.8),
    ]
    (paste,) = terminal.feed("", 2.0)
    assert isinstance(paste, events.Paste)
    assert paste.text.endswith(CUT)
    assert keys([*terminal.feed("\x0b\x1b[A", 2.5)]) == ["ctrl+k", "up"]


def test_who_hits_the_kill_key_in_a_paste_without_an_end_is_heard() -> None:
    """A hand does not hold up the second after which the paste is over."""
    found = messages([f"{BEGIN}abc", *["\x0b"] * 8], gap=0.2)
    assert keys(found) == ["ctrl+k"] * 4


def test_a_slow_line_is_no_hand() -> None:
    found = messages([*BEGIN, *"y\x0f" * 50, *END, "q"], gap=0.05)
    assert [type(one) for one in found] == [events.Paste, events.Key]


@pytest.mark.parametrize("rest", ["5" + END, "y\x0f" * 40, "y\x0f" * 40 + END])
def test_the_rest_of_a_paste_that_stalled_presses_nothing(rest: str) -> None:
    found = messages([f"{BEGIN}0.1", rest, "\x0b"], gap=GONE_S + 0.1)
    assert keys(found) == ["ctrl+k"]
    typing = NumberField()
    for one in found:
        if isinstance(one, events.Paste):
            typing.paste(one.text)
    assert typing.text == ""


def test_after_a_paste_that_stalled_the_next_is_whole() -> None:
    found = messages([f"{BEGIN}0.1", f"{BEGIN}2{END}", "5"], gap=GONE_S + 0.1)
    assert [one.text for one in found if isinstance(one, events.Paste)][1:] == ["2"]
    assert keys(found) == ["5"]


def test_once_the_rest_of_a_paste_has_come_many_keys_at_once_are_keys() -> None:
    found = messages([f"{BEGIN}0.1", f"5{END}", "j" * (KEYS + 1)], gap=GONE_S + 0.1)
    assert keys(found) == ["j"] * (KEYS + 1)


def test_a_paste_without_bounds_is_not_kept() -> None:
    first, *rest = messages([BEGIN, *["0\x0f" * MOST] * 3, f"{END}\x0b"])
    assert isinstance(first, events.Paste)
    assert len(first.text) < MOST
    assert keys(rest) == ["ctrl+k"]


@pytest.mark.parametrize("size", range(1, len(BEGIN)))
def test_a_beginning_cut_by_a_pause_presses_nothing_of_the_paste(size: int) -> None:
    """An escape that stands alone for a while is a key, whatever follows."""
    found = messages([BEGIN[:size], f"{BEGIN[size:]}y\x0f9{END}", "q"], gap=0.3)
    assert keys(found) == [*{1: ["escape"], 2: ["left_square_bracket"]}.get(size, []), "q"]
    assert [one.text for one in found if isinstance(one, events.Paste)] == ["y9"]


@pytest.mark.parametrize(
    "typed", ["\x1b[20~", "\x1b[24~", "\x1b[2~", "\x1b[2;5~", "\x1b2", "\x1b[1;5A", "\x1bOP", "\x1b[27u"]
)
def test_keys_that_look_like_a_beginning_are_what_they_are(typed: str) -> None:
    whole = keys([*XTermParser(False).feed(typed)])
    assert len(whole) == 1
    assert keys([*TerminalInput().feed(typed, 0.0)]) == whole
    assert keys(messages(list(typed))) == whole


def test_escape_alone_is_as_quick_as_ever() -> None:
    terminal = TerminalInput()
    assert not keys([*terminal.feed("\x1b", 5.0)])
    assert terminal.wait(5.04) == pytest.approx(constants.ESCAPE_DELAY - 0.04)
    assert keys([*terminal.feed("", 5.0 + constants.ESCAPE_DELAY)]) == ["escape"]
    assert keys([*terminal.feed("[", 5.3)]) == ["left_square_bracket"]
    assert keys([*terminal.feed("2", 5.5)]) == ["2"]


def test_an_escape_before_a_paste_comes_before_it() -> None:
    *typed, paste = messages([f"x\x1b{BEGIN}0.1{END}"])
    assert keys(typed) == ["x", "escape"]
    assert isinstance(paste, events.Paste)


def test_the_mouse_is_where_it_was_after_a_paste() -> None:
    report, mouse = "\x1b[48;24;80;480;800t", "\x1b[<35;401;241M"
    (moved,) = [
        one for one in messages([report, f"{BEGIN}x{END}", mouse]) if isinstance(one, events.MouseMove)
    ]
    assert (int(moved.x), int(moved.y)) == (40, 12)


def test_a_terminal_that_is_gone_ends_the_listening() -> None:
    reading, writing = os.pipe()
    listening = threading.Thread(target=listen, args=(reading, threading.Event(), print), daemon=True)
    listening.start()
    os.close(writing)
    listening.join(STUCK_S)
    assert not listening.is_alive()
    os.close(reading)
