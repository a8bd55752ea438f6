"""What goes on by itself at the scripted engine: algos, drills, differences."""

from decimal import Decimal

from msgspec import structs

from spark_tui.domain.values import Environment
from spark_tui.link.messages import AlgoRow, Differences, DrillRow, ResolveDifference, StartAlgo
from tests.ui.fake_engine.orders import FakeOrders
from tests.ui.fake_engine.world import START_MS, VENUE, ManualClock


class FakeWork(FakeOrders):
    def __init__(self, clock: ManualClock, environment: Environment) -> None:
        super().__init__(clock, environment)
        self.algos: dict[str, AlgoRow] = {}
        self.drills = {
            name: DrillRow(name=name, title=title, faults=faults, state="READY")
            for name, title, faults in (
                ("lost-reply", "The reply to an order is lost", ("accept-drop-reply",)),
                ("reordered", "Events overtake the reply", ("reorder-reply", "duplicate-event")),
                ("blackhole", "The line is silent and does not say so", ("blackhole",)),
            )
        }
        self.differences = Differences(rows=(), passes=3, last_ms=START_MS - 12_000, running=False)

    def start_algo(self, request: StartAlgo) -> AlgoRow:
        self._ids += 1
        row = AlgoRow(
            algo_id=f"algo-sprun7-{self._ids}",
            start=request,
            venue=VENUE,
            state="RUNNING",
            filled=Decimal(0),
            average_price=None,
            children=0,
            open_child="",
            next_at_ms=self.clock.now_ms + 24_000,
            trigger_price=None,
            text="the next slice",
            created_ms=self.clock.now_ms,
        )
        self.algos[row.algo_id] = row
        self.push(row)
        return row

    def change_drill(self, key: str, **changes: object) -> DrillRow:
        self.drills[key] = structs.replace(self.drills[key], **changes)
        self.push(self.drills[key])
        return self.drills[key]

    def change_algo(self, key: str, **changes: object) -> AlgoRow:
        self.algos[key] = structs.replace(self.algos[key], **changes)
        self.push(self.algos[key])
        return self.algos[key]

    def resolve(self, request: ResolveDifference) -> Differences:
        rows = tuple(
            structs.replace(row, choices=(), applied=f"{request.choice} (operator)")
            if row.difference_id == request.difference_id
            else row
            for row in self.differences.rows
        )
        self.differences = structs.replace(self.differences, rows=rows)
        self.push(self.differences)
        return self.differences
