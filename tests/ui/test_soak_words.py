"""What a soak measured, in words: each duration in the unit that carries."""

import pytest

from spark_tui.link.messages import Measured
from spark_tui.ui.soak_words import measured_words


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
