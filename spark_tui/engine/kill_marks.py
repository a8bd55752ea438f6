"""Kills that struck while no engine could record them, taken over at the start: each is in the log with who,
when and why, and trading is halted for the first of them."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from spark_tui.engine.guard import Guard
from spark_tui.engine.journal import Journal
from spark_tui.engine.records import Acted, MarksTaken
from spark_tui.venues.kill_marks import Mark, read_marks, take_mark_away
from spark_tui.venues.port import TRADES_LAG_S
from spark_tui.wire.clock import NS_PER_S, Clock

_FACE = "kill"
_EVERY_S = 1.0


class MarkFiles:
    """What kills left on disk that the ledger has. A file that tells of a sale stays until the plan on disk
    was compared with the venues since: where the plan cannot tell trades apart, the next kill sees that sale
    nowhere else and would sell again. Of the wall clock nothing is believed."""

    def __init__(
        self,
        data_dir: Path,
        begun_with: Mapping[Path, Mark],
        recorded: Callable[[str], bool],
        window_s: float,
        clock: Clock,
    ) -> None:
        """`begun_with`: those the start took over; `recorded`: whether the ledger has a kill for good;
        `window_s`: for how long an order may come alive that was not answered."""
        self._data_dir = data_dir
        self.begun_with = begun_with
        self._recorded = recorded
        self._window_s = window_s
        self._clock = clock
        self._seen = {path: (mark, clock.mono_ns()) for path, mark in begun_with.items()}

    def remove(self, compared_ns: int) -> None:
        """Those that the comparison begun at `compared_ns` makes superfluous."""
        found = read_marks(self._data_dir)
        now_ns = self._clock.mono_ns()
        before = self._seen
        self._seen = {}
        for path, mark in found.items():
            known, since_ns = before.get(path, (None, now_ns))
            self._seen[path] = mark, since_ns if known == mark else now_ns
            if self._is_recorded(path, mark) and self._told_ns(*self._seen[path]) <= compared_ns:
                with contextlib.suppress(OSError):  # the next start takes it over again, and is not halted
                    take_mark_away(path, mark)

    def _is_recorded(self, path: Path, mark: Mark) -> bool:
        return mark == self.begun_with.get(path) or (bool(mark.id) and self._recorded(mark.id))

    def _told_ns(self, mark: Mark, since_ns: int) -> int:
        """From when on a comparison has all in it that a mark tells of which was there at `since_ns`."""
        if not mark.sold:
            return 0
        seconds = TRADES_LAG_S + (self._window_s if mark.unanswered_ms else 0)
        return since_ns + int(seconds * NS_PER_S)

    async def look(self, compared_ns: int) -> None:
        """As `remove`. The disk may hang, and the engine must not."""
        await asyncio.to_thread(self.remove, compared_ns)

    async def run(self, compared: Callable[[], int]) -> None:
        """Until cancelled."""
        while True:
            await self._clock.sleep(_EVERY_S)
            await self.look(compared())


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
