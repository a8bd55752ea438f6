"""A change of a rule as a line of the log."""

import pytest

from spark_tui.ui.screens.log import brief

CAP = '"id":"btc-cap","kind":"max_order_notional","limit":"1000","scope":{"symbol":"BTCUSDT"}'


@pytest.mark.parametrize(
    ("put", "said"),
    [
        (CAP, "btc-cap: limit 1 000, BTCUSDT, refuse"),
        (f'{CAP},"enabled":false,"effect":"halt"', "btc-cap: limit 1 000, BTCUSDT, halt, switched off"),
        (
            '"id":"r","kind":"max_order_rate","limit":"5","window_s":10',
            "r: limit 5, 10 s, everywhere, refuse",
        ),
        ('"id":"s","kind":"symbols","symbols":["BTCTRY","X"]', "s: BTCTRY, X, everywhere, refuse"),
        (
            '"id":"h","kind":"trading_hours","hours":"mon-fri 09:00-17:00","scope":{"strategy":"manual"}',
            "h: mon-fri 09:00-17:00, by hand, refuse",
        ),
        ('"id":"x","kind":"of a later version"', '{"id":"x","kind":"of a later version"}'),
    ],
)
def test_a_rule_that_was_put_is_told_in_words(put: str, said: str) -> None:
    assert brief(f"rule={{{put}}}") == said
