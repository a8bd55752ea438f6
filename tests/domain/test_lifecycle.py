"""The one table of an order: events commute (DESIGN 3.3, F06-F09, F12), nothing a venue says raises."""

import itertools
import random
from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.domain import executions, lifecycle
from spark_tui.domain.order import (
    TERMINAL,
    Accepted,
    Amended,
    AmendRequested,
    Canceled,
    CancelFailed,
    CancelRequested,
    Completed,
    Dead,
    Denied,
    Expired,
    Fill,
    Filled,
    Intended,
    ListPart,
    Order,
    OrderEvent,
    OrderRequest,
    OrderState,
    Rejected,
    ReplaceFailed,
    ReplaceRequested,
    Sent,
    Uncertain,
)
from spark_tui.domain.values import LegRole, ListKind, OrderType, Side

QUANTITY = Decimal(1)
INTENT = Intended(
    client_order_id="spark-1",
    request=OrderRequest(
        venue="sim",
        symbol="BTCUSDT",
        side=Side.BUY,
        type=OrderType.LIMIT,
        quantity=QUANTITY,
        price=Decimal(100),
    ),
    at_ms=1,
    operator="ada",
)
QUOTE_INTENT = Intended(
    client_order_id="spark-2",
    request=OrderRequest(
        venue="sim", symbol="BTCUSDT", side=Side.BUY, type=OrderType.MARKET, quote_quantity=Decimal(50)
    ),
    at_ms=1,
)

SENT = Sent(at_ms=2, decidable_at_ms=20_002)
UNCERTAIN = Uncertain(reason="timeout", at_ms=3, decidable_at_ms=20_003)
ACCEPTED = Accepted(venue_order_id="77", at_ms=4)
CANCEL_REQUESTED = CancelRequested(at_ms=6)
CANCEL_FAILED = CancelFailed(code="-2011", text="Unknown order sent.", at_ms=7)
CANCELED = Canceled(at_ms=8, venue_order_id="77")
EXPIRED = Expired(reason="INSUFFICIENT_LIQUIDITY", at_ms=8)
REJECTED = Rejected(code="-2010", text="insufficient balance", at_ms=8)
DENIED = Denied(code="PRICE_BAND", text="too far", at_ms=2)
AMEND_REQUESTED = AmendRequested(quantity=Decimal("0.6"), at_ms=6)
AMENDED = Amended(quantity=Decimal("0.6"), at_ms=7, venue_order_id="77")
REPLACE_REQUESTED = ReplaceRequested(by="spark-9", at_ms=6)
REPLACE_FAILED = ReplaceFailed(code="-2011", text="Unknown order sent.", at_ms=7)
DEAD = Dead(proof="not found 5 times past the window", at_ms=30_000)


def fill(trade_id: int, quantity: str, price: str = "100") -> Filled:
    return Filled(
        fill=Fill(
            trade_id=str(trade_id),
            price=Decimal(price),
            quantity=Decimal(quantity),
            commission=Decimal("0.001"),
            commission_asset="BNB",
            maker=True,
            time_ms=5,
        ),
        venue_order_id="77",
    )


def play(events: Sequence[OrderEvent], intent: Intended = INTENT) -> Order:
    return lifecycle.fold([intent, *events])


def same_in_every_order(events: Sequence[OrderEvent]) -> Order:
    """The one order that every permutation of the events ends in."""
    first = play(events)
    for permutation in itertools.permutations(events):
        assert play(permutation) == first, permutation
    return first


# --- commuting -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "state", "filled"),
    [
        ([SENT, ACCEPTED, fill(1, "0.4"), fill(2, "0.6"), ACCEPTED], OrderState.FILLED, "1"),
        (
            [SENT, ACCEPTED, fill(1, "0.4"), CANCEL_REQUESTED, CANCELED, fill(1, "0.4")],
            OrderState.CANCELED,
            "0.4",
        ),
        ([SENT, UNCERTAIN, ACCEPTED, fill(1, "0.4"), CANCELED, CANCELED], OrderState.CANCELED, "0.4"),
        ([SENT, UNCERTAIN, fill(1, "0.4"), CANCEL_REQUESTED, fill(2, "0.6")], OrderState.FILLED, "1"),
        ([SENT, ACCEPTED, CANCEL_REQUESTED, CANCEL_FAILED, fill(1, "1")], OrderState.FILLED, "1"),
        ([SENT, ACCEPTED, CANCEL_REQUESTED, CANCEL_FAILED, UNCERTAIN], OrderState.ACCEPTED, "0"),
        ([SENT, CANCEL_REQUESTED, CANCEL_FAILED, fill(1, "0.4")], OrderState.PARTIALLY_FILLED, "0.4"),
        ([SENT, ACCEPTED, CANCEL_REQUESTED, fill(1, "0.4")], OrderState.PENDING_CANCEL, "0.4"),
        ([SENT, ACCEPTED, fill(1, "0.4"), EXPIRED, EXPIRED], OrderState.EXPIRED, "0.4"),
        ([SENT, CANCELED, fill(1, "0.4"), fill(2, "0.6")], OrderState.FILLED, "1"),
        ([SENT, UNCERTAIN, UNCERTAIN], OrderState.UNKNOWN, "0"),
        ([SENT, UNCERTAIN, CANCEL_REQUESTED], OrderState.UNKNOWN, "0"),
        ([SENT, UNCERTAIN, REJECTED], OrderState.REJECTED, "0"),
        ([SENT, UNCERTAIN, DEAD], OrderState.DEAD, "0"),
        ([SENT, UNCERTAIN, DEAD, ACCEPTED], OrderState.ACCEPTED, "0"),
        ([SENT, UNCERTAIN, DEAD, fill(1, "1"), CANCEL_REQUESTED], OrderState.FILLED, "1"),
        ([SENT, REJECTED, ACCEPTED, CANCELED], OrderState.CANCELED, "0"),
        ([SENT, ACCEPTED, AMEND_REQUESTED, AMENDED, fill(1, "0.4")], OrderState.PARTIALLY_FILLED, "0.4"),
        ([ACCEPTED, AMEND_REQUESTED, AMENDED, fill(1, "0.4"), fill(2, "0.2")], OrderState.FILLED, "0.6"),
        ([SENT, ACCEPTED, AMEND_REQUESTED, fill(1, "0.4")], OrderState.PENDING_REPLACE, "0.4"),
        ([ACCEPTED, AMEND_REQUESTED, REPLACE_FAILED, fill(1, "0.4")], OrderState.PARTIALLY_FILLED, "0.4"),
        ([SENT, ACCEPTED, AMENDED, CANCELED, fill(1, "0.4")], OrderState.CANCELED, "0.4"),
        ([SENT, UNCERTAIN, AMENDED, AMEND_REQUESTED], OrderState.ACCEPTED, "0"),
        ([SENT, ACCEPTED, REPLACE_REQUESTED, fill(1, "0.4")], OrderState.PENDING_REPLACE, "0.4"),
        ([SENT, ACCEPTED, REPLACE_REQUESTED, CANCELED, fill(1, "0.4")], OrderState.CANCELED, "0.4"),
        ([ACCEPTED, REPLACE_REQUESTED, REPLACE_FAILED, fill(1, "1")], OrderState.FILLED, "1"),
        ([ACCEPTED, REPLACE_REQUESTED, CANCEL_REQUESTED, fill(1, "0.4")], OrderState.PENDING_CANCEL, "0.4"),
        (
            [SENT, Completed(at_ms=9, filled=Decimal(1)), fill(1, "0.4"), fill(2, "0.6"), ACCEPTED],
            OrderState.FILLED,
            "1",
        ),
    ],
)
def test_every_permutation_ends_in_one_order(
    events: list[OrderEvent], state: OrderState, filled: str
) -> None:
    order = same_in_every_order(events)
    assert order.state is state
    assert order.filled == Decimal(filled)


TIMES = st.integers(2, 9)
TOTALS = st.none() | st.sampled_from(["0", "0.3", "0.6", "1", "1.2"]).map(Decimal)
CLAIMS = [
    Filled(
        fill=Fill(
            trade_id=f"synthetic-77-{total}",
            price=Decimal(100),
            quantity=Decimal(total),
            commission=Decimal(0),
            commission_asset="",
            maker=False,
            time_ms=6,
            synthetic=True,
            cumulative=Decimal(total),
            cumulative_quote=Decimal(total) * price,
        ),
        venue_order_id="77",
    )
    for total, price in (("0.3", 100), ("0.6", 90), ("0.6", 101), ("1", 100))
]
AMENDS = st.sampled_from(["0.4", "0.6", "1"]).map(Decimal)
FILLS = [fill(number, quantity) for number, quantity in ((1, "0.3"), (2, "0.3"), (10, "0.4"), (9, "0.2"))]
EVENTS: st.SearchStrategy[OrderEvent] = st.one_of(
    st.builds(Denied, code=st.sampled_from("AB"), text=st.sampled_from("xy"), at_ms=TIMES),
    st.builds(Sent, at_ms=TIMES, decidable_at_ms=TIMES),
    st.builds(Uncertain, reason=st.sampled_from("xy"), at_ms=TIMES, decidable_at_ms=TIMES),
    st.builds(Accepted, venue_order_id=st.just("77"), at_ms=TIMES),
    st.sampled_from(FILLS),
    st.sampled_from(CLAIMS),
    st.builds(AmendRequested, quantity=AMENDS, at_ms=TIMES),
    st.builds(Amended, quantity=AMENDS, at_ms=TIMES),
    st.builds(ReplaceRequested, by=st.sampled_from(["b", "c"]), at_ms=TIMES),
    st.builds(ReplaceFailed, code=st.just("-2011"), text=st.just(""), at_ms=TIMES),
    st.builds(Completed, at_ms=TIMES, filled=TOTALS),
    st.builds(CancelRequested, at_ms=TIMES),
    st.builds(CancelFailed, code=st.just("-2011"), text=st.just(""), at_ms=TIMES),
    st.builds(Canceled, at_ms=TIMES, filled=TOTALS),
    st.builds(Expired, reason=st.sampled_from("xy"), at_ms=TIMES, filled=TOTALS),
    st.builds(Rejected, code=st.sampled_from("AB"), text=st.just(""), at_ms=TIMES),
    st.builds(Dead, proof=st.sampled_from("xy"), at_ms=TIMES),
    st.just(INTENT),
)


@given(st.lists(EVENTS, max_size=10), st.randoms(use_true_random=False))
def test_any_events_at_all_commute_and_repeat_without_effect(
    events: list[OrderEvent], rng: random.Random
) -> None:
    first = play(events)
    shuffled = events + rng.choices(events, k=3) if events else []
    rng.shuffle(shuffled)
    assert play(shuffled) == first
    assert repr(play(shuffled).filled_quote) == repr(first.filled_quote)


@given(st.lists(EVENTS, max_size=12))
def test_what_is_known_never_shrinks(events: list[OrderEvent]) -> None:
    order = lifecycle.begin(INTENT)
    for event in events:
        after = lifecycle.apply(order, event).order
        assert after.filled >= order.filled
        assert (after.venue_filled or 0) >= (order.venue_filled or 0)
        assert after.updated_ms >= order.updated_ms
        assert set(executions.real(after.fills)) >= set(executions.real(order.fills))
        assert len(after.fills) - len(executions.real(after.fills)) <= 1
        assert after.filled == sum(fill.quantity for fill in after.fills)
        assert after.filled_quote == sum(fill.quantity * fill.price for fill in after.fills)
        assert (after.decidable_at_ms is not None) == (after.state in (OrderState.SENT, OrderState.UNKNOWN))
        asked = min(QUANTITY, after.amended_quantity or QUANTITY)
        assert asked <= (lifecycle.asked(order) or 0)
        assert lifecycle.leaves(after) == max(asked - max(after.filled, after.venue_filled or 0), 0)
        order = after


@given(st.lists(EVENTS, max_size=8), st.lists(EVENTS, max_size=8))
def test_an_order_that_lived_is_never_again_called_dead(
    first: list[OrderEvent], later: list[OrderEvent]
) -> None:
    order = play([*first, ACCEPTED, *later])
    assert order.state not in (
        OrderState.NEW,
        OrderState.DENIED,
        OrderState.SENT,
        OrderState.UNKNOWN,
        OrderState.DEAD,
        OrderState.REJECTED,
    )


# --- the table -------------------------------------------------------------------------------------------


def test_the_table_answers_every_event_in_every_state() -> None:
    kinds = {type(event) for event in (DENIED, SENT, UNCERTAIN, ACCEPTED, FILLS[0], Completed(at_ms=1))}
    kinds |= {type(event) for event in (CANCEL_REQUESTED, CANCEL_FAILED, CANCELED, EXPIRED, REJECTED, DEAD)}
    kinds |= {AmendRequested, Amended, ReplaceRequested, ReplaceFailed}
    assert set(lifecycle.TABLE) == set(itertools.product(OrderState, kinds))
    assert kinds | {Intended} == set(OrderEvent.__args__)


LADDER = ["NEW", "DENIED", "SENT", "UNKNOWN", "DEAD", "REJECTED", "*live*", "EXPIRED", "CANCELED", "FILLED"]
VOTE = {
    Denied: "DENIED",
    Sent: "SENT",
    Uncertain: "UNKNOWN",
    Dead: "DEAD",
    Rejected: "REJECTED",
    Accepted: "*live*",
    Filled: "*live*",
    Amended: "*live*",
    Expired: "EXPIRED",
    Canceled: "CANCELED",
    Completed: "FILLED",
}


def rung(state: str) -> int:
    return LADDER.index(state if state in LADDER else "*live*")


@pytest.mark.parametrize(("state", "kind"), list(lifecycle.TABLE))
def test_no_cell_steps_down_the_ladder_of_evidence(state: OrderState, kind: type[OrderEvent]) -> None:
    """Why events commute: every cell is the higher of what was known and what the event says."""
    move = lifecycle.TABLE[state, kind]
    to = "*live*" if move.live else (move.to or state)
    vote = VOTE.get(kind, state)
    assert rung(to) == max(rung(state), rung(vote))


def test_a_healthy_life_raises_no_flag() -> None:
    lives: list[list[OrderEvent]] = [
        [SENT, ACCEPTED, fill(1, "0.4"), fill(2, "0.6"), Completed(at_ms=9, filled=Decimal(1))],
        [SENT, fill(1, "1"), ACCEPTED],
        [SENT, ACCEPTED, CANCEL_REQUESTED, Canceled(at_ms=8, filled=Decimal(0))],
        [SENT, ACCEPTED, fill(1, "0.4"), Expired(reason="IOC", at_ms=8, filled=Decimal("0.4"))],
        [SENT, ACCEPTED, fill(1, "0.4"), AMEND_REQUESTED, AMENDED, fill(2, "0.2")],
        [SENT, ACCEPTED, REPLACE_REQUESTED, Canceled(at_ms=8, filled=Decimal(0))],
        [SENT, REJECTED],
        [DENIED],
        [SENT, UNCERTAIN, DEAD],
    ]
    for life in lives:
        order = lifecycle.begin(INTENT)
        for event in life:
            applied = lifecycle.apply(order, event)
            assert (applied.anomaly, applied.query) == ("", False), event
            order = applied.order


# --- amends and replaces ---------------------------------------------------------------------------------


def test_a_fill_between_an_amend_and_its_answer_leaves_the_new_quantity_less_what_is_filled() -> None:
    """F11: the answer restores no old leaves, and what was filled meanwhile is not asked for again."""
    asked = play([SENT, ACCEPTED, AMEND_REQUESTED, fill(1, "0.4")])
    assert (asked.state, lifecycle.leaves(asked)) == (OrderState.PENDING_REPLACE, Decimal("0.6"))
    amended = lifecycle.apply(asked, AMENDED)
    assert (amended.order.state, amended.anomaly, amended.query) == (OrderState.PARTIALLY_FILLED, "", False)
    assert lifecycle.asked(amended.order) == Decimal("0.6")
    assert lifecycle.leaves(amended.order) == lifecycle.exposure(amended.order) == Decimal("0.2")
    done = lifecycle.apply(amended.order, fill(2, "0.2"))
    assert (done.order.state, done.anomaly) == (OrderState.FILLED, "")
    beyond = lifecycle.apply(done.order, fill(3, "0.4"))
    assert "overfilled: 1.0 of 0.6" in beyond.anomaly


def test_a_second_amend_is_outstanding_until_its_own_answer() -> None:
    second = AmendRequested(quantity=Decimal("0.5"), at_ms=AMEND_REQUESTED.at_ms)
    order = play([SENT, ACCEPTED, AMEND_REQUESTED, AMENDED, msgspec.structs.replace(second, at_ms=8)])
    assert order.state is OrderState.PENDING_REPLACE
    answered = same_in_every_order(
        [
            ACCEPTED,
            AMENDED,
            msgspec.structs.replace(second, at_ms=8),
            Amended(quantity=Decimal("0.5"), at_ms=8),
        ]
    )
    assert (answered.state, lifecycle.leaves(answered)) == (OrderState.ACCEPTED, Decimal("0.5"))


@pytest.mark.parametrize("quantity", ["0", "-1", "1.1", "NaN", "Infinity"])
def test_an_amend_that_cannot_be_is_flagged_and_not_believed(quantity: str) -> None:
    applied = lifecycle.apply(play([SENT, ACCEPTED]), Amended(quantity=Decimal(quantity), at_ms=7))
    assert applied.order.amended_quantity is None
    assert applied.anomaly
    assert applied.query


def test_an_amend_below_what_is_filled_is_flagged() -> None:
    applied = lifecycle.apply(play([SENT, ACCEPTED, fill(1, "0.9")]), AMENDED)
    assert "amended to 0.6 with 0.9 filled" in applied.anomaly
    assert lifecycle.leaves(applied.order) == 0


def test_a_replaced_order_names_its_successor_and_a_refused_replace_none() -> None:
    """F51."""
    gone = play([SENT, ACCEPTED, REPLACE_REQUESTED, CANCELED])
    assert (gone.state, gone.replaced_by) == (OrderState.CANCELED, "spark-9")
    refused = lifecycle.apply(play([SENT, ACCEPTED, REPLACE_REQUESTED]), REPLACE_FAILED)
    assert (refused.order.state, refused.order.replaced_by) == (OrderState.ACCEPTED, "")
    assert (refused.anomaly, refused.query) == ("", True)


def test_an_intent_says_what_it_replaces_and_whose_child_and_leg_it_is() -> None:
    part = ListPart(list_id="l1", kind=ListKind.OCO, role=LegRole.ABOVE)
    intent = msgspec.structs.replace(INTENT, replaces="spark-0", parent="algo-1", part=part)
    order = lifecycle.begin(intent)
    assert (order.replaces, order.parent, order.part) == ("spark-0", "algo-1", part)


# --- what must be flagged --------------------------------------------------------------------------------


@pytest.mark.parametrize("evidence", [ACCEPTED, fill(1, "0.4"), Canceled(at_ms=9), Completed(at_ms=9)])
@pytest.mark.parametrize("end", [DEAD, REJECTED, DENIED])
def test_evidence_of_life_after_death_revives_and_is_flagged(end: OrderEvent, evidence: OrderEvent) -> None:
    buried = play([SENT, UNCERTAIN, end]) if end is not DENIED else play([DENIED])
    applied = lifecycle.apply(buried, evidence)
    assert applied.order.state not in (OrderState.DEAD, OrderState.REJECTED, OrderState.DENIED)
    assert applied.anomaly
    assert applied.query
    assert (applied.order.code, applied.order.text) == ("", "")


def test_a_proof_of_death_against_the_living_is_flagged_and_not_believed() -> None:
    applied = lifecycle.apply(play([SENT, ACCEPTED]), DEAD)
    assert applied.order.state is OrderState.ACCEPTED
    assert "Dead while ACCEPTED" in applied.anomaly
    assert applied.query


def test_cancel_reject_is_one_query_and_no_ending() -> None:
    """F06, F12: `-2011` says nothing about how the order ended."""
    applied = lifecycle.apply(play([SENT, ACCEPTED, CANCEL_REQUESTED]), CANCEL_FAILED)
    assert applied.order.state is OrderState.ACCEPTED
    assert (applied.anomaly, applied.query) == ("", True)
    filled = lifecycle.apply(applied.order, fill(1, "1"))
    assert (filled.order.state, filled.query) == (OrderState.FILLED, False)
    assert lifecycle.apply(filled.order, CANCEL_FAILED).query is False


def test_fill_while_a_cancel_is_in_flight_counts() -> None:
    """F08."""
    order = play([SENT, ACCEPTED, CANCEL_REQUESTED, fill(1, "0.4")])
    assert (order.state, order.filled) == (OrderState.PENDING_CANCEL, Decimal("0.4"))
    assert lifecycle.exposure(order) == Decimal("0.6")


def test_a_second_cancel_after_a_refused_one_is_pending_again() -> None:
    again = CancelRequested(at_ms=CANCEL_FAILED.at_ms + 1)
    order = same_in_every_order([ACCEPTED, CANCEL_REQUESTED, CANCEL_FAILED, again])
    assert order.state is OrderState.PENDING_CANCEL


def test_an_ending_that_counts_more_than_we_heard_asks_for_the_trades() -> None:
    applied = lifecycle.apply(play([SENT, ACCEPTED]), Canceled(at_ms=8, filled=Decimal("0.4")))
    assert (applied.order.state, applied.order.filled) == (OrderState.CANCELED, 0)
    assert applied.query
    assert lifecycle.exposure(applied.order) == Decimal("0.4")
    late = lifecycle.apply(applied.order, fill(1, "0.4"))
    assert (late.anomaly, late.query, late.order.filled) == ("", False, Decimal("0.4"))
    assert lifecycle.exposure(late.order) == 0
    beyond = lifecycle.apply(late.order, fill(2, "0.1"))
    assert "beyond the 0.4" in beyond.anomaly
    assert beyond.query
    assert beyond.order.filled == Decimal("0.5")


def test_an_ending_that_counts_less_than_we_heard_is_flagged_and_nothing_falls() -> None:
    applied = lifecycle.apply(play([SENT, fill(1, "0.4")]), Canceled(at_ms=8, filled=Decimal("0.1")))
    assert "counts 0.1 filled" in applied.anomaly
    assert applied.query
    assert applied.order.filled == Decimal("0.4")


def test_a_fill_after_a_cancel_that_named_no_total_moves_the_arithmetic_and_asks() -> None:
    applied = lifecycle.apply(play([SENT, CANCELED]), fill(1, "0.4"))
    assert (applied.order.state, applied.order.filled) == (OrderState.CANCELED, Decimal("0.4"))
    assert applied.query


def test_overfill_is_booked_and_flagged() -> None:
    applied = lifecycle.apply(play([SENT, fill(1, "0.9")]), fill(2, "0.3"))
    assert (applied.order.state, applied.order.filled) == (OrderState.FILLED, Decimal("1.2"))
    assert "overfilled: 1.2 of 1" in applied.anomaly
    assert applied.query
    assert lifecycle.leaves(applied.order) == 0


def test_a_trade_heard_twice_counts_once_and_two_versions_are_flagged() -> None:
    order = play([SENT, fill(1, "0.4")])
    again = lifecycle.apply(order, fill(1, "0.4"))
    assert (again.order, again.anomaly, again.query) == (order, "", False)
    other = lifecycle.apply(order, fill(1, "0.5"))
    assert other.order.filled == Decimal("0.4")
    assert "trade 1" in other.anomaly
    assert other.query


@pytest.mark.parametrize(
    ("quantity", "price"), [("NaN", "1"), ("-1", "1"), ("0", "1"), ("1", "NaN"), ("Infinity", "1")]
)
def test_a_fill_that_is_no_number_is_flagged_and_not_booked(quantity: str, price: str) -> None:
    applied = lifecycle.apply(play([SENT, ACCEPTED]), fill(1, quantity, price))
    assert applied.order.fills == ()
    assert applied.anomaly
    assert applied.query


@pytest.mark.parametrize("total", ["NaN", "-1", "Infinity", "sNaN"])
def test_a_total_that_is_no_number_is_flagged_and_not_kept(total: str) -> None:
    applied = lifecycle.apply(play([SENT, ACCEPTED]), Canceled(at_ms=8, filled=Decimal(total)))
    assert (applied.order.state, applied.order.venue_filled) == (OrderState.CANCELED, None)
    assert applied.anomaly
    assert applied.query


def test_another_venue_id_for_the_same_order_is_flagged() -> None:
    applied = lifecycle.apply(play([ACCEPTED]), Accepted(venue_order_id="78", at_ms=5))
    assert applied.order.venue_order_id == "77"
    assert applied.query


def test_a_different_intent_under_the_same_id_is_flagged() -> None:
    applied = lifecycle.apply(play([SENT]), msgspec.structs.replace(QUOTE_INTENT, client_order_id="spark-1"))
    assert applied.order == play([SENT])
    assert applied.query


def test_a_lost_reply_about_a_living_order_asks_and_keeps_it() -> None:
    applied = lifecycle.apply(play([SENT, ACCEPTED]), UNCERTAIN)
    assert (applied.order.state, applied.anomaly, applied.query) == (OrderState.ACCEPTED, "", True)


# --- orders sized in quote money, exposure, history ------------------------------------------------------


def test_an_order_in_quote_money_is_filled_when_the_venue_says_so() -> None:
    events = [SENT, ACCEPTED, fill(1, "0.3"), fill(2, "0.19"), Completed(at_ms=9, filled=Decimal("0.49"))]
    for permutation in itertools.permutations(events):
        assert play(permutation, QUOTE_INTENT).state is OrderState.FILLED
    partial = play(events[:-1], QUOTE_INTENT)
    assert partial.state is OrderState.PARTIALLY_FILLED
    assert lifecycle.leaves_quote(partial) == 1
    assert (lifecycle.leaves(partial), lifecycle.exposure(partial)) == (0, 0)
    assert play([SENT, fill(1, "0.5")], QUOTE_INTENT).state is OrderState.FILLED


@pytest.mark.parametrize(
    ("events", "exposure"),
    [
        ([], "1"),
        ([SENT], "1"),
        ([SENT, UNCERTAIN], "1"),
        ([SENT, ACCEPTED, fill(1, "0.4")], "0.6"),
        ([SENT, ACCEPTED, CANCEL_REQUESTED], "1"),
        ([SENT, ACCEPTED, fill(1, "0.4"), CANCELED], "0"),
        ([SENT, UNCERTAIN, DEAD], "0"),
        ([SENT, REJECTED], "0"),
        ([DENIED], "0"),
        ([SENT, fill(1, "1")], "0"),
    ],
)
def test_exposure_counts_what_may_still_trade(events: list[OrderEvent], exposure: str) -> None:
    order = play(events)
    assert lifecycle.exposure(order) == Decimal(exposure)
    assert lifecycle.is_open(order.state) == (order.state not in TERMINAL)


def test_words_say_why_an_order_ended() -> None:
    assert play([SENT, REJECTED]).code == "-2010"
    assert play([DENIED]).text == "too far"
    assert play([SENT, EXPIRED]).code == "INSUFFICIENT_LIQUIDITY"
    assert play([SENT, UNCERTAIN]).text == "timeout"
    assert play([SENT, UNCERTAIN, ACCEPTED]).text == ""
    assert play([SENT, UNCERTAIN, DEAD]).text.startswith("not found")


def test_the_countdown_runs_to_the_latest_instant_and_ends_with_the_doubt() -> None:
    assert play([SENT]).decidable_at_ms == 20_002
    assert play([UNCERTAIN, SENT]).decidable_at_ms == 20_003
    assert play([SENT, UNCERTAIN, ACCEPTED]).decidable_at_ms is None


@pytest.mark.parametrize("events", [[], [SENT], [SENT, INTENT]])
def test_a_history_without_its_intent_is_refused(events: list[OrderEvent]) -> None:
    with pytest.raises(ValueError, match="begins with its intent"):
        lifecycle.fold(events)


def test_an_order_survives_the_wire() -> None:
    order = play([SENT, ACCEPTED, fill(1, "0.4"), CANCEL_REQUESTED])
    assert msgspec.json.decode(msgspec.json.encode(order), type=Order) == order
