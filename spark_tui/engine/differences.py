"""Local against venue as a list to review: what a pass found and did, and what waits for the operator."""

from collections.abc import Callable

import msgspec

from spark_tui.engine.journal import Journal
from spark_tui.engine.records import DifferenceSettled
from spark_tui.link.messages import Difference, Differences
from spark_tui.link.service import LinkError

MAX_ROWS = 500  # of one venue's pass, what asks first; what else it did is in the orders and the log

Settle = Callable[[str], None]  # what a choice does, told the choice
Row = tuple[Difference, Settle | None]  # with what a choice does, where it asks


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One line, before it has an id. `subject` tells apart what is otherwise alike: an order, a trade, an
    amount."""

    kind: str
    symbol: str
    subject: str
    local: str
    remote: str
    client_order_id: str = ""


class DifferenceBook:
    """Filled by each venue's passes. What asks is asked again by each pass that still finds it, under the
    same id, and is gone when a pass does not, or when it was settled."""

    def __init__(
        self, journal: Journal, now_ms: Callable[[], int], publish: Callable[[Differences], None]
    ) -> None:
        self._journal = journal
        self._now_ms = now_ms
        self._publish = publish
        self._rows: dict[str, dict[str, Difference]] = {}  # by venue: its latest pass
        self._asks: dict[str, Settle] = {}
        self._running: set[str] = set()
        self._passes = 0
        self._last_ms = 0

    def begin(self, venue: str) -> None:
        """A pass begins; its rows take the place of the last one's when it ends well."""
        self._running.add(venue)

    def applied(self, venue: str, found: Found, how: str) -> Difference:
        """A proven difference that was put right."""
        return self._row(venue, found, (), how)

    def ask(self, venue: str, found: Found, choices: tuple[str, ...]) -> Difference | None:
        """A difference that proves nothing; None when the operator settled it before."""
        row = self._row(venue, found, choices, "")
        return None if row.difference_id in self._journal.state.settled else row

    def end(self, venue: str, rows: list[Row] | None) -> None:
        """The pass is over; `rows` None: it failed, and the last one's word stands."""
        self._running.discard(venue)
        if rows is None:
            return
        before = self._rows.get(venue, {})
        settled = self._journal.state.settled  # also while this pass was on its way
        asking = [(row, settle) for row, settle in rows if settle and row.difference_id not in settled]
        kept = {row.difference_id: row for row, _ in asking[:MAX_ROWS]}
        done = [row for row, settle in rows if settle is None]
        kept |= {row.difference_id: row for row in done[: MAX_ROWS - len(kept)]}
        for one in before:
            self._asks.pop(one, None)
        self._asks |= {row.difference_id: settle for row, settle in asking[:MAX_ROWS]}
        # a question that stands keeps the time it was first asked
        self._rows[venue] = {
            one: msgspec.structs.replace(row, at_ms=before[one].at_ms) if one in before else row
            for one, row in kept.items()
        }
        self._passes += 1
        self._last_ms = self._now_ms()
        self._publish(self.view())

    def settle(self, difference_id: str, choice: str, operator: str) -> None:
        """Raises LinkError: NO_SUCH_DIFFERENCE, NO_SUCH_CHOICE."""
        row = next((rows[difference_id] for rows in self._rows.values() if difference_id in rows), None)
        act = self._asks.get(difference_id)
        if row is None or act is None:
            raise LinkError("NO_SUCH_DIFFERENCE", f"No difference {difference_id} waits for an answer.")
        if choice not in row.choices:
            raise LinkError("NO_SUCH_CHOICE", f"Choose one of {', '.join(row.choices)}, not {choice!r}.")
        self._journal.note(
            DifferenceSettled(
                difference_id=difference_id, choice=choice, operator=operator, at_ms=self._now_ms()
            )
        )
        act(choice)
        del self._asks[difference_id]
        self._rows[row.venue][difference_id] = msgspec.structs.replace(
            row, choices=(), applied=f"{choice} ({operator})"
        )
        self._publish(self.view())

    def view(self) -> Differences:
        return Differences(
            rows=tuple(row for rows in self._rows.values() for row in rows.values()),
            passes=self._passes,
            last_ms=self._last_ms,
            running=bool(self._running),
        )

    def _row(self, venue: str, found: Found, choices: tuple[str, ...], how: str) -> Difference:
        return Difference(
            difference_id=f"{found.kind}/{venue}/{found.symbol}/{found.subject}",
            kind=found.kind,
            venue=venue,
            symbol=found.symbol,
            client_order_id=found.client_order_id,
            local=found.local,
            remote=found.remote,
            choices=choices,
            applied=how,
            at_ms=self._now_ms(),
        )
