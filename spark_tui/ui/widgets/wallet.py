"""What the account holds, free and locked; the two assets of the instrument looked at first."""

from spark_tui.domain.account import Balance
from spark_tui.ui import format as fmt
from spark_tui.ui.lines import Line
from spark_tui.ui.model import Topic
from spark_tui.ui.widgets.pane import Pane

MONEY = frozenset({"USDT", "USDC", "FDUSD", "TRY", "EUR", "USD"})  # two decimals are enough
ASSET = 7


class Wallet(Pane):
    topics = frozenset({Topic.BALANCES, Topic.LOOK})
    every_s = 0.5

    def heading(self, width: int) -> Line:
        return self.rule((("Balances", "dim"),), (("locked ", "dim"),), width)

    def body(self, width: int, height: int) -> list[Line]:
        balances = self.context.model.balances
        rows = [row for rows in balances.rows.values() for row in rows if row.total] if balances else []
        if not rows:
            return [((" nothing held" if balances else " waiting for the account", "dim"),)]
        amount = (width - ASSET - 2) // 2
        instrument = self.context.model.instrument
        looked_at = (instrument.quote, instrument.base) if instrument else ()
        ordered = sorted(
            rows, key=lambda row: (row.asset not in looked_at, row.asset not in MONEY, row.asset)
        )
        return [self._row(row, amount) for row in ordered[:height]]

    def _row(self, row: Balance, width: int) -> Line:
        decimals = 2 if row.asset in MONEY else 5
        return (
            (f" {row.asset:<{ASSET}}"[: ASSET + 1], "ink"),
            (f"{fmt.fixed(row.free, decimals):>{width}}", "ink"),
            (f"{fmt.fixed(row.locked, decimals) if row.locked else '':>{width}} ", "dim"),
        )
