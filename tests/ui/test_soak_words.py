"""What a soak measured, in words: each duration in the unit that carries."""

import pytest

from spark_tui.link.messages import Measured
from spark_tui.ui.lines import width_of
from spark_tui.ui.soak_words import figure_lines, measured_words
from tests.ui.fake_engine.canaries import SOAKED


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        (
            Measured(feed_age_s=0.25, test_latency_s=0.0062, order_latency_s=1.214, clock_offset_ms=1_500),
            ": feed 250 ms old, order/test 6.2 ms, order 1.21 s, clock +1.50 s",
        ),
        (Measured(clock_offset_ms=-2), ": clock -2 ms"),
        (Measured(), ""),
        (None, ""),
    ],
)
def test_what_was_measured_is_told_and_what_was_not_is_left_out(measured: Measured | None, said: str) -> None:
    assert measured_words(measured) == said


@pytest.mark.parametrize("width", [58, 80, 120])
def test_what_a_soak_measured_is_not_cut(width: int) -> None:
    lines = figure_lines(SOAKED, width)
    assert all(width_of(line) <= width for line in lines)
    told = " ".join(line[-1][0] for line in lines)
    assert "6 placed: min 6 ms, median 7.2 ms, P95 8.8 ms, worst 1.21 s" in told
    assert "feed 2.10 s old, order/test 6.2 ms, clock -2 ms" in told
