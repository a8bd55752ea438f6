"""What the end of a ledger says of its last orders."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from spark_tui.domain.order import (
    Accepted,
    Canceled,
    Completed,
    Dead,
    Denied,
    Fill,
    Filled,
    Intended,
    OrderEvent,
    Rejected,
    Sent,
    Uncertain,
)
from spark_tui.engine import last_orders as module
from spark_tui.engine.last_orders import last_orders
from spark_tui.engine.records import Decision, OrderRecord, Record, to_entry
from spark_tui.store.ledger import Ledger, LedgerError, read_entries
from spark_tui.venues.kill_plan import LastOrders
from spark_tui.wire.clock import NS_PER_MS
from tests.engine.fake_venue import NAME, SYMBOL, D
from tests.rescue.test_late import BUY

SENT = Sent(at_ms=2_000, decidable_at_ms=9_000)
NOW_MS = 7_000
CANCELED = Canceled(at_ms=5_000)
DEAD = Dead(proof="not found", at_ms=5_000)
FILL = Fill(
    trade_id="101",
    price=D("40000"),
    quantity=D("0.1"),
    commission=D(0),
    commission_asset="USDT",
    maker=False,
    time_ms=1,
)
TRADED = ("short", "whole", "partly", "filled")  # by the venue's count, by its word, by a fill
LOST = Uncertain(reason="no answer", at_ms=3_000, decidable_at_ms=9_000)


def intended(name: str) -> OrderRecord:
    event = Intended(client_order_id=name, request=BUY, at_ms=1_000)
    return OrderRecord(client_order_id=name, event=event, base="BTC", quote="USDT")


Write = Callable[..., None]


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """Of a ledger as it is left behind: its writer has not folded its log."""
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger.open(path, lambda: NOW_MS * NS_PER_MS)

    def told(name: str, *events: OrderEvent) -> list[Record]:
        return [intended(name), *(OrderRecord(client_order_id=name, event=event) for event in events)]

    records = [
        *told("written"),
        *told("sent", SENT),
        *told("lost", SENT, LOST),
        *told("accepted", SENT, Accepted(venue_order_id="1", at_ms=4_000)),
        *told("refused", SENT, Rejected(code="-2010", text="no", at_ms=4_000)),
        *told("denied", Denied(code="HALTED", text="no", at_ms=4_000)),
        *told("gone", SENT, Accepted(venue_order_id="2", at_ms=4_000), CANCELED),
        *told("short", SENT, Canceled(at_ms=5_000, filled=D("0.04"))),  # its fill was not heard of
        *told("whole", SENT, Completed(at_ms=5_000)),
        *told("partly", SENT, Filled(fill=msgspec.structs.replace(FILL, quantity=D("0.04"))), CANCELED),
        *told("filled", SENT, Filled(fill=FILL)),
        *told("dead", SENT, DEAD),
        *told("undead", SENT, DEAD, Accepted(venue_order_id="3", at_ms=6_000)),
        Decision(action="note", operator="me", text="", at_ms=1),
    ]
    await ledger.append(*(to_entry(record) for record in records))
    ledger.close()
    return path


def test_an_intent_without_a_word_of_the_venue_was_on_its_way(path: Path) -> None:
    found = {one.client_order_id: one for one in last_orders(path, planned=False).orders}
    assert {name: one.at_ms for name, one in found.items() if not one.heard} == {
        "written": 1_000,
        "sent": 2_000,
        "lost": 3_000,
    }
    assert {(one.venue, one.symbol) for one in found.values()} == {(NAME, SYMBOL)}
    heard = [name for name, one in found.items() if one.heard]
    assert heard == ["accepted", "gone", *TRADED, "undead"]  # the others never lived


def test_one_that_was_thought_dead_and_then_heard_of_counts(path: Path) -> None:
    found = {one.client_order_id: one for one in last_orders(path, planned=False).orders}
    assert (found["undead"].heard, found["undead"].ended_ms, "dead" in found) == (True, None, False)


def test_one_has_ended_when_the_ledger_took_its_end_down(path: Path) -> None:
    """Not by the venue's clock, which may be another."""
    ended = {
        one.client_order_id: one.ended_ms
        for one in last_orders(path, planned=False).orders
        if one.ended_ms is not None
    }
    assert ended == dict.fromkeys(("gone", *TRADED), NOW_MS)


def test_what_ended_without_a_fill_traded_nothing(path: Path) -> None:
    assert [one.client_order_id for one in last_orders(path, planned=False).orders if not one.traded] == [
        "gone"
    ]


def test_only_the_end_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An order that begins before it is left out: where one of those still counts, the plan names it."""
    monkeypatch.setattr(module, "TAIL", sum(1 for _ in read_entries(path)))
    assert last_orders(path, planned=False).whole
    monkeypatch.setattr(module, "TAIL", module.TAIL - 1)
    assert not last_orders(path, planned=False).whole
    assert last_orders(path, planned=True).whole
    monkeypatch.setattr(module, "TAIL", 9)  # the fill of "filled" is the first
    for planned in (True, False):
        assert [one.client_order_id for one in last_orders(path, planned=planned).orders] == ["undead"]


def test_where_no_engine_ever_ran_nothing_was(tmp_path: Path) -> None:
    assert last_orders(tmp_path / "ledger.sqlite", planned=False) == LastOrders()


def test_a_file_that_is_no_ledger_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(b"torn" * 1_000)
    with pytest.raises(LedgerError):
        last_orders(tmp_path / "ledger.sqlite", planned=False)
