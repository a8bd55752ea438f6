"""The error table: documented meanings, and safety for everything that is not documented."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.venues.binance.errors import Phase, classify, data_of, from_body, parse_body
from spark_tui.venues.port import Reaction as R
from tests.shared_data import shared

VENUE = "binance-spot"


@pytest.mark.parametrize(
    ("sample", "http", "phase", "reaction"),
    [
        ("error-1000", 400, Phase.TRADE, R.UNKNOWN),
        ("error-1000", 400, Phase.READ, R.RETRY_SAFE),
        ("error-1001", 500, Phase.TRADE, R.UNKNOWN),
        ("error-1002", 401, Phase.TRADE, R.AUTH),
        ("error-1003-429", 429, Phase.TRADE, R.THROTTLED),
        ("error-1003-418", 418, Phase.READ, R.BANNED),
        ("error-1006", 500, Phase.TRADE, R.UNKNOWN),
        ("error-1007", 504, Phase.TRADE, R.UNKNOWN),
        ("error-1007", 400, Phase.TRADE, R.UNKNOWN),
        ("error-1007", 504, Phase.READ, R.RETRY_SAFE),
        ("error-1008", 503, Phase.TRADE, R.UNKNOWN),
        ("error-1013-lot-size", 400, Phase.TRADE, R.DEFINITE_REJECT),
        ("error-1015", 429, Phase.TRADE, R.THROTTLED),
        ("error-1021", 400, Phase.TRADE, R.CLOCK),
        ("error-1021-ahead", 400, Phase.READ, R.CLOCK),
        ("error-1022", 400, Phase.TRADE, R.AUTH),
        ("error-1100", 400, Phase.TRADE, R.DEFINITE_REJECT),
        ("error-1121", 400, Phase.TRADE, R.DEFINITE_REJECT),
        ("error-1220", 400, Phase.READ, R.DEFINITE_REJECT),
        ("error-2010-insufficient-balance", 400, Phase.TRADE, R.DEFINITE_REJECT),
        ("error-2011-unknown-order", 400, Phase.TRADE, R.DEFINITE_REJECT),
        ("error-2013", 400, Phase.READ, R.DEFINITE_REJECT),
        ("error-2014", 401, Phase.READ, R.AUTH),
        ("error-2015", 401, Phase.TRADE, R.AUTH),
        ("error-2026", 400, Phase.READ, R.DEFINITE_REJECT),
        ("error-451-restricted-location", 451, Phase.TRADE, R.DEFINITE_REJECT),
        ("error-2038-amend", 400, Phase.TRADE, R.DEFINITE_REJECT),
        ("error-2011-cancel-restrictions", 400, Phase.TRADE, R.DEFINITE_REJECT),
        ("rest-cancelReplace-order-limit-429", 429, Phase.TRADE, R.THROTTLED),
        ("rest-cancelReplace-both-failed-400", 400, Phase.TRADE, R.DEFINITE_REJECT),
        ("rest-cancelReplace-order-limit-cancel-only", 429, Phase.TRADE, R.UNKNOWN),
        ("rest-cancelReplace-new-failed-409", 409, Phase.TRADE, R.UNKNOWN),
    ],
)
def test_documented_answers(sample: str, http: int, phase: Phase, reaction: R) -> None:
    body = shared("protocols", "samples", "binance-spot", f"{sample}.json").read_bytes()
    error = from_body(VENUE, http, body, phase)
    assert error.reaction is reaction
    assert msgspec.json.decode(body)["msg"][:40].rstrip(".") in error.text
    assert error.text.endswith(".")


@pytest.mark.parametrize("phase", [Phase.TRADE, Phase.READ])
def test_f57_a_wrong_position_mode_is_a_refusal_of_its_own(phase: Phase) -> None:
    """Futures: a bare refusal would be sent again the same way."""
    body = b'{"code":-4061,"msg":"Order\'s position side does not match user\'s setting."}'
    error = from_body("binance-futures", 400, body, phase)
    assert (error.reaction, error.code) == (R.MODE, "-4061")
    assert from_body("binance-futures", 503, body, Phase.TRADE).reaction is R.UNKNOWN


@pytest.mark.parametrize("http", [500, 502, 503, 504, 599])
@pytest.mark.parametrize("code", [None, -2010, -1013, -1121, -9999, 0])
def test_no_5xx_proves_that_an_order_died(http: int, code: int | None) -> None:
    assert classify(VENUE, http, code, Phase.TRADE).reaction is R.UNKNOWN


@pytest.mark.parametrize("body", [b"", b"<html><h1>403 Forbidden</h1></html>", b"null", b"[]", b"\xff", b"{"])
@pytest.mark.parametrize("http", [200, 302, 400, 401, 403, 404, 408, 409, 410, 418, 429, 451])
def test_an_answer_without_the_venues_words_proves_nothing(http: int, body: bytes) -> None:
    assert from_body(VENUE, http, body, Phase.TRADE).reaction is R.UNKNOWN


@pytest.mark.parametrize(
    ("http", "reaction"),
    [(401, R.AUTH), (404, R.DEFINITE_REJECT), (418, R.BANNED), (429, R.THROTTLED), (502, R.RETRY_SAFE)],
)
def test_reading_goes_by_the_status_where_there_is_nothing_else(http: int, reaction: R) -> None:
    assert from_body(VENUE, http, b"<html>", Phase.READ).reaction is reaction


def test_an_unknown_code_is_a_reject_only_under_4xx() -> None:
    assert classify(VENUE, 400, -7777, Phase.TRADE).reaction is R.DEFINITE_REJECT
    for http in (200, 302, 500, 408, 409, None):
        assert classify(VENUE, http, -7777, Phase.TRADE).reaction is R.UNKNOWN


@pytest.mark.parametrize("code", [-1158, -1160, -1165, -1166, -1168, -1196, -1197, -1198, -1199])
def test_legs_that_do_not_fit_are_refused_whole(code: int) -> None:
    rule = classify(VENUE, 400, code, Phase.TRADE)
    assert rule.reaction is R.DEFINITE_REJECT
    assert "legs of the list" in rule.cure


def test_an_errors_data_is_found_wherever_there_is_any() -> None:
    assert data_of(b'{"code":-2021,"msg":"","data":{"a":1}}') == b'{"a":1}'
    for body in (b'{"code":-2021}', b"", b"<html>", b"[1]", b'{"data":{}}'):
        assert data_of(body) == b""


def test_what_did_not_leave_is_safe_whatever_the_rest_says() -> None:
    assert classify(VENUE, None, None, Phase.CONNECT).reaction is R.RETRY_SAFE


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["code", "msg", "x"]), inner),
    max_leaves=6,
)


@given(
    st.integers(0, 999), json_values.map(msgspec.json.encode) | st.binary(max_size=60), st.sampled_from(Phase)
)
def test_any_answer_has_a_meaning_and_one_clean_line(http: int, body: bytes, phase: Phase) -> None:
    error = from_body(VENUE, http, body, phase, retry_after_s=1.0)
    assert error.text.isprintable()
    assert len(error.text) < 500
    assert error.retry_after_s == 1.0
    if phase is Phase.TRADE and error.reaction is not R.UNKNOWN:
        assert 400 <= http < 500
        assert parse_body(body)[0] is not None


def test_terminal_escapes_of_a_stranger_do_not_pass() -> None:
    error = from_body(VENUE, 400, b'{"code":-2010,"msg":"\\u001b[31mred\\u0007\\nsecond line"}', Phase.TRADE)
    assert error.text.isprintable()
    assert "red second line" in error.text
