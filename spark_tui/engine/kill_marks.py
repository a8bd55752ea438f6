"""Kills that struck while no engine could record them, taken over at the start: each is in the log with who,
when and why, and trading is halted for the first of them."""

from collections.abc import Iterable

from spark_tui.engine.guard import Guard
from spark_tui.engine.journal import Journal
from spark_tui.engine.records import Acted, MarksTaken
from spark_tui.venues.kill_marks import Mark

_FACE = "kill"


def take_over(marks: Iterable[Mark], journal: Journal, guard: Guard) -> None:
    """What the ledger has already, and may have been lifted since, halts no second time. The ids come last:
    an engine that ends before they are written does it all again."""
    new = [mark for mark in marks if mark.id not in journal.state.marks]
    if not new:
        return
    first = next((mark for mark in new if not mark.drill), new[0])
    guard.halt_in_memory(first.reason)
    guard.announce(first.operator)
    for mark in new:
        journal.note(_acted(mark))
    note_taken(journal, *(mark.id for mark in new))


def note_taken(journal: Journal, *ids: str) -> None:
    """Right after the halt that they stand for."""
    known = tuple(one for one in ids if one)
    if known:
        journal.note(MarksTaken(marks=known))


def canceled_by(marks: Iterable[Mark]) -> frozenset[str]:
    """Client ids of what these kills cancelled."""
    return frozenset(client_id for mark in marks for client_id in mark.canceled)


def _acted(mark: Mark) -> Acted:
    flatten = " flatten=true" if mark.flatten else ""
    return Acted(
        action="kill.drill" if mark.drill else "kill",
        what=f"reason={mark.reason}{flatten}",
        operator=mark.operator,
        face=_FACE,
        verdicts=(),
        result=f"struck without an engine, {len(mark.canceled)} cancelled; recorded at the next start",
        ok=True,
        at_ms=mark.at_ms,
    )
