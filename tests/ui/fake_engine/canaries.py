"""Canaries of the scripted engine: a run is green, a confirm of the typed symbol too."""

from decimal import Decimal

from msgspec import structs

from spark_tui.domain.values import Environment, Side
from spark_tui.link.messages import (
    Canaries,
    CanaryCheck,
    CanaryFigures,
    CanaryKind,
    CanaryRow,
    CanaryVerdict,
    ConfirmCanary,
    Execution,
    Measured,
    RunCanary,
    Soaking,
)
from tests.ui.fake_engine.world import START_MS, VENUE

CONFIG = "2caa27299854549509cfb04ac1cc8f1dba7c49be177fbee5fd490528f47b6e04"
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
EXPECTED = Execution(
    price=Decimal("67012.4"),
    quantity=Decimal("0.001"),
    notional=Decimal("67.0124"),
    fees={"BTC": Decimal("0.000001")},
    slippage_bp=Decimal("0.1"),
)
ACTUAL = structs.replace(EXPECTED, price=Decimal("67012.5"), slippage_bp=Decimal("0.2"), latency_s=0.0072)
CHECKS = tuple(
    CanaryCheck(name=name, ok=True, text=text)
    for name, text in (
        ("venue", "binance-spot is up"),
        ("ledger", "the ledger takes records"),
        ("rules", "all 9 rules pass"),
        ("book", "our book is 0.10 bp from the venue's"),
        ("order/test", "the venue would take the order"),
        ("latency", "order/test took 6 ms, the aim is 1 s"),
        ("worth", "worth 67.01 USDT"),
    )
)
STALE = CanaryCheck(
    name="fresh", ok=False, text="c7f3c-2 is 812 s old, the most is 600 s; run it again", code="STALE_RUN"
)


SOAKED = CanaryFigures(
    checks=7,
    healthy=6,
    feed_age_worst_s=2.1,
    test_latency_worst_s=0.0062,
    clock_offset_worst_ms=-2,
    orders=6,
    order_latency_min_s=0.006,
    order_latency_median_s=0.0072,
    order_latency_p95_s=0.0088,
    order_latency_worst_s=1.21,
)


class FakeCanaries:
    def __init__(self, environment: Environment) -> None:
        self.rows: list[CanaryRow] = []
        self.environment = environment
        self.soaking: Soaking | None = None

    def put(self, kind: CanaryKind, symbol: str, side: Side, at_ms: int, **changes: object) -> CanaryRow:
        run_id = f"c7f3c-{len(self.rows) + 1}"
        found = CanaryRow(
            run_id=run_id,
            kind=kind,
            verdict=CanaryVerdict.GREEN,
            reasons=(),
            venue=VENUE,
            environment=self.environment,
            symbol=symbol,
            side=side,
            operator="operator",
            at_ms=at_ms,
            config_hash=CONFIG,
            quantity=Decimal("0.001"),
            notional_usdt=Decimal("67.0124"),
            checks=CHECKS,
            bundle=f"/data/evidence/canary-{run_id}.json",
            bundle_sha256=SHA256,
            expected=EXPECTED,
            latencies_s=(0.006,),
        )
        self.rows.append(structs.replace(found, **changes))
        return self.rows[-1]

    def run(self, ask: RunCanary, at_ms: int) -> CanaryRow:
        return self.put(CanaryKind.RUN, ask.symbol, ask.side, at_ms)

    def confirm(self, ask: ConfirmCanary, at_ms: int) -> CanaryRow:
        assert ask.typed == ask.symbol
        return self.put(
            CanaryKind.CONFIRM,
            ask.symbol,
            ask.side,
            at_ms,
            actual=ACTUAL,
            client_order_id="sp6mubi500-1",
            state="FILLED",
            rests_on=self.rows[-1].run_id,
            latencies_s=(0.0072,),
        )

    def view(self, now_ms: int) -> Canaries:
        return Canaries(
            rows=tuple(reversed(self.rows)),
            config_hash=CONFIG,
            signer="392457a873913d7b",
            fresh_s=600.0,
            cap_usdt=Decimal(100),
            running="soak c7f3c-9" if self.soaking else "",
            soaking=self.soaking,
            not_armable="Live trading needs TRADE_MODE=live and LIVE_ENABLED=true.",
            arming=None,
            time_ms=now_ms,
        )


def with_canaries(canaries: FakeCanaries) -> None:
    """A soak, a run, its confirm, and one that was refused."""
    canaries.put(
        CanaryKind.SOAK,
        "BTCTRY",
        Side.BUY,
        START_MS - 3_900_000,
        quantity=Decimal("0.00001"),
        notional_usdt=Decimal("0.67"),
        expected=None,
        verdict=CanaryVerdict.RED,
        reasons=("BOOK: check 3 of 7: our book is 61 bp from the venue's",),
        figures=SOAKED,
        checks=tuple(
            CanaryCheck(
                name=f"{number} of 7",
                ok=number != 3,
                text="green" if number != 3 else "our book is 61 bp from the venue's",
                code="" if number != 3 else "BOOK",
                measured=Measured(feed_age_s=0.3 * number, test_latency_s=0.006, clock_offset_ms=-2),
            )
            for number in range(1, 8)
        ),
    )
    canaries.run(RunCanary(symbol="BTCUSDT"), START_MS - 812_000)
    canaries.confirm(ConfirmCanary(symbol="BTCUSDT", typed="BTCUSDT"), START_MS - 800_000)
    canaries.put(
        CanaryKind.CONFIRM,
        "BTCUSDT",
        Side.BUY,
        START_MS - 4_000,
        verdict=CanaryVerdict.REFUSED,
        reasons=(f"{STALE.code}: {STALE.text}",),
        checks=(STALE, *CHECKS[:2]),
        bundle="",
        bundle_sha256="",
        expected=None,
        latencies_s=(),
    )
