"""Kills that struck while no engine could record them, taken over at the start: each is in the log with who,
when and why, and trading is halted for the first of them."""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from spark_tui.engine.guard import Guard
from spark_tui.engine.journal import Journal
from spark_tui.engine.records import Acted, MarksTaken
from spark_tui.venues.kill_marks import Mark
from spark_tui.venues.port import TRADES_LAG_S
from spark_tui.wire.clock import Clock

_FACE = "kill"
_EVERY_S = 1.0


class MarkFiles:
    """What the kills left that a start took over. A file that tells of a sale stays until the plan on disk
    was compared with the venue since: where the plan cannot tell trades apart, the next kill sees that sale
    nowhere else and would sell again."""

    def __init__(self, marks: Mapping[Path, Mark], window_s: float, clock: Clock) -> None:
        """`window_s`: for how long an order may come alive that was not answered."""
        self._marks = dict(marks)
        self._window_s = window_s
        self._clock = clock

    @property
    def waiting(self) -> bool:
        return bool(self._marks)

    def remove(self, compared_ms: int) -> None:
        """Those the ledger has that `compared_ms` makes superfluous. One that cannot be removed is taken over
        again at the next start, which halts nobody."""
        for path, mark in tuple(self._marks.items()):
            if not mark.sold_since(compared_ms, TRADES_LAG_S, self._window_s):
                del self._marks[path]
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)

    async def run(self, compared: Callable[[], int]) -> None:
        """Until all are gone."""
        while self.waiting:
            self.remove(compared())
            await self._clock.sleep(_EVERY_S)


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
