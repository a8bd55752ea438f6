"""Every command leaves a row that says who, through which face, what and what came of it: refusals too. A row
that was changed afterwards shows in the chain, by its number."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from spark_tui.domain.rules import STANDARD
from spark_tui.domain.values import LegRole, OrderType, Side
from spark_tui.engine.requests import UNRECORDED
from spark_tui.link.local import LocalLink
from spark_tui.link.messages import AnyRequest, Kill, Resume, StopEngine, SubmitLeg
from spark_tui.link.service import LinkError
from spark_tui.store import chain
from spark_tui.store.ledger import verify
from spark_tui.ui.actions import ACTIONS
from tests.engine.fake_venue import SYMBOL
from tests.engine.harness import Rig, buy, rig

WHOLE: dict[str, Any] = {
    "order": buy(),
    "legs": (SubmitLeg(role=LegRole.WORKING, order=buy()),),
    "rule": STANDARD[0],
    "symbol": SYMBOL,
    "side": Side.BUY,
    "type": OrderType.LIMIT,
    "symbols": (SYMBOL,),
}


def commands(it: Rig) -> list[type]:
    """Requests that change something; the engine's end comes last."""
    served = it.engine._requests._handlers
    return sorted(set(served) - set(UNRECORDED), key=lambda kind: (kind is StopEngine, kind.__name__))


def example(kind: type) -> AnyRequest:
    """One of this kind, whatever it asks for: most are refused, which is on record as well."""
    hints = get_type_hints(kind)
    given = {
        field.name: _value(field.name, hints[field.name])
        for field in msgspec.structs.fields(kind)
        if field.required
    }
    made: AnyRequest = kind(**given)
    return made


def _value(name: str, hint: Any) -> Any:
    if WHOLE.get(name) is not None:
        return WHOLE[name]
    for known, value in ((str, "x"), (bool, True), (int, 1), (float, 1.0), (Decimal, Decimal(1))):
        if hint is known or known in get_args(hint):
            return value
    return next(iter(hint))  # an enumeration


async def test_every_command_is_on_record_with_who_face_what_and_result(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        link = LocalLink(it.engine, face="do", operator="ayse", rate_hz=0)
        asked = commands(it)
        assert len(asked) > 25
        for kind in asked:
            request = example(kind)
            answered = asyncio.create_task(link.call(request))
            await it.until(answered.done)
            with contextlib.suppress(LinkError):
                await answered
            await it.engine.journal.durable()
            acted = [row for row in it.ledger.read() if row.kind == "acted"]
            told = msgspec.json.decode(acted[-1].body)
            assert told["action"] == request.__struct_config__.tag, kind
            assert (told["operator"], told["face"]) == ("ayse", "do"), kind
            assert told["result"], kind


async def test_what_is_not_on_record_only_looks(tmp_path: Path) -> None:
    """The vocabulary of the action table and of `do` are the link's requests."""
    async with rig(tmp_path) as it:
        silent = {kind.__name__ for kind in get_args(AnyRequest)} - {kind.__name__ for kind in commands(it)}
    assert all(name.startswith(("Get", "Preview")) or name == "Focus" for name in silent), silent
    assert {action.id for action in ACTIONS if action.trades and action.request is None} <= LOCAL


LOCAL = {"ticket.buy", "ticket.sell", "rule.new", "rule.edit", "rule.toggle"}
"""They fill a form of the cockpit's own, which is sent by a command that is on record."""


# --- tampering ---------------------------------------------------------------------------------------------


async def acted(tmp_path: Path) -> Path:
    async with rig(tmp_path) as it:
        for reason in ("one", "two", "three", "four"):
            await it.ask(Kill(reason=reason))
            await it.ask(Resume(reason=reason))
        await it.engine.journal.durable()
        return it.ledger.path


def deeds(path: Path) -> list[int]:
    with _opened(path) as db:
        return [seq for (seq,) in db.execute("SELECT seq FROM entries WHERE kind = 'acted' ORDER BY seq")]


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """As whoever holds the file may: without the triggers."""
    db = sqlite3.connect(path)
    try:
        for name in [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]:
            db.execute(f"DROP TRIGGER {name}")
        yield db
        db.commit()
    finally:
        db.close()


def _row(db: sqlite3.Connection, seq: int) -> tuple[int, int, str, bytes, bytes]:
    row: tuple[int, int, str, bytes, bytes] = db.execute(
        "SELECT seq, at_ns, kind, body, hash FROM entries WHERE seq = ?", (seq,)
    ).fetchone()
    return row


def _forged(body: bytes) -> bytes:
    """Another name for who did it, as long as the true one."""
    assert b"tester" in body
    return body.replace(b"tester", b"nobody")


def edit_a_byte(db: sqlite3.Connection, seq: int) -> int:
    db.execute("UPDATE entries SET body = ? WHERE seq = ?", (_forged(_row(db, seq)[3]), seq))
    return seq


def edit_with_its_hash(db: sqlite3.Connection, seq: int) -> int:
    """The row itself is right then; the one after it does not follow from it."""
    _, at_ns, kind, body, _ = _row(db, seq)
    previous = _row(db, seq - 1)[4]
    digest = chain.link(previous, seq, at_ns, kind, _forged(body))
    db.execute("UPDATE entries SET body = ?, hash = ? WHERE seq = ?", (_forged(body), digest, seq))
    return seq + 1


def delete(db: sqlite3.Connection, seq: int) -> int:
    db.execute("DELETE FROM entries WHERE seq = ?", (seq,))
    return seq


def delete_and_close_the_gap(db: sqlite3.Connection, seq: int) -> int:
    delete(db, seq)
    for (later,) in db.execute("SELECT seq FROM entries WHERE seq > ? ORDER BY seq", (seq,)).fetchall():
        db.execute("UPDATE entries SET seq = ? WHERE seq = ?", (later - 1, later))
    return seq


def swap(db: sqlite3.Connection, seq: int) -> int:
    for old, new in ((seq, -1), (seq + 1, seq), (-1, seq + 1)):
        db.execute("UPDATE entries SET seq = ? WHERE seq = ?", (new, old))
    return seq


def append_a_forged_one(db: sqlite3.Connection, seq: int) -> int:
    """With a right hash, but not by the writer: the head did not move."""
    last, at_ns, _, _, digest = _row(db, db.execute("SELECT max(seq) FROM entries").fetchone()[0])
    _, _, kind, body, _ = _row(db, seq)
    new = chain.link(digest, last + 1, at_ns, kind, _forged(body))
    db.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?)", (last + 1, at_ns, kind, _forged(body), new))
    return last + 1


TAMPERED = (edit_a_byte, edit_with_its_hash, delete, delete_and_close_the_gap, swap, append_a_forged_one)


@pytest.mark.parametrize("tamper", TAMPERED, ids=lambda tamper: tamper.__name__)
async def test_a_tampered_row_is_told_by_its_number(
    tmp_path: Path, tamper: Callable[[sqlite3.Connection, int], int]
) -> None:
    path = await acted(tmp_path)
    assert verify(path).ok
    with _opened(path) as db:
        expected = tamper(db, deeds(path)[3])
    found = verify(path)
    assert (found.ok, found.first_bad_seq) == (False, expected), found.text
    assert str(expected) in found.text
