"""What a terminal may send: pastes with anything in them, in any pieces, and bytes that are no text."""

import os
import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual.message import Message

from spark_tui.ui.number_field import NumberField
from spark_tui.ui.number_typing import NO_NUMBER
from spark_tui.ui.terminal_input import BEGIN, END, EnduringParser, PasteSieve, listen

STUCK_S = 10
EVIL = "b0.1\x1b[2JX y\x0f\x1bs9\x0b\x1b[A\x1b[201~ctrl\x0f\x1b[200~q\x1b"


def messages(pieces: list[str]) -> list[Message]:
    parser, sieve = EnduringParser(), PasteSieve()
    return [message for piece in pieces if (text := sieve.feed(piece)) for message in parser.feed(text)]


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


def test_an_end_that_is_pasted_itself_lets_nothing_out() -> None:
    found = messages([f"{BEGIN}{EVIL}{END}"])
    assert [type(one) for one in found] == [events.Paste]


def test_keys_are_keys_before_and_after() -> None:
    found = messages([f"x\x0f{BEGIN}0.1{END}", "\x1b[A"])
    assert [one.key if isinstance(one, events.Key) else one.text for one in found] == [  # type: ignore[attr-defined]
        *("x", "ctrl+o"),
        "0.1",
        "up",
    ]


def test_bytes_that_are_no_text_end_nothing() -> None:
    reading, writing = os.pipe()
    over, came = threading.Event(), threading.Event()
    found: list[Message] = []

    def take(message: Message) -> None:
        found.append(message)
        if isinstance(message, events.Key) and message.key == "q":
            came.set()

    listening = threading.Thread(target=listen, args=(reading, over, take), daemon=True)
    listening.start()
    os.write(writing, b"\xff\xfe\xc3\x28" + BEGIN.encode() + b"\xe9t\xe9" + END.encode() + b"q")
    assert came.wait(STUCK_S)
    over.set()
    listening.join(STUCK_S)
    assert not listening.is_alive()
    assert any(isinstance(one, events.Paste) for one in found)
    os.close(reading)
    os.close(writing)


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


def test_a_terminal_that_is_gone_ends_the_listening() -> None:
    reading, writing = os.pipe()
    listening = threading.Thread(target=listen, args=(reading, threading.Event(), print), daemon=True)
    listening.start()
    os.close(writing)
    listening.join(STUCK_S)
    assert not listening.is_alive()
    os.close(reading)
