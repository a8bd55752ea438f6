"""The Health screen: what it says of the line to this terminal."""

import dataclasses

import msgspec

from spark_tui.ui.screens.health import TerminalFacts, _measures
from tests.ui.cockpit import cockpit
from tests.ui.fake_engine.facts import health


async def test_the_rate_of_the_terminal_is_over_a_second_not_over_one_repaint() -> None:
    async with cockpit() as face:
        await face.press("f2")
        facts = face.app.cockpit_screen.query_one("#terminal-facts", TerminalFacts)
        reading = face.app.context.terminal()
        written = [0]
        face.app.context.terminal = lambda: dataclasses.replace(reading, written=written[0])
        await face.later(1.0)
        facts.pull()
        written[0] = 12_000
        await face.later(0.05)
        facts.pull()
        assert "sent         0 B/s" in facts.text
        written[0] = 14_000
        await face.later(1.95)
        facts.pull()
        assert "sent         7.0 kB/s" in facts.text


def test_what_is_late_says_it_in_the_unit_that_carries() -> None:
    slow = msgspec.structs.replace(health(), ledger_lag_ms=1_250.0, tape_lag_ms=0.25, loop_lag_ms=61_000.0)
    told = {label: line[0][0] for label, line in _measures(slow)}
    assert told["ledger"] == "1.25 s to durable"
    assert told["tape"].startswith("0.25 ms behind")
    assert told["event loop"] == "01:01 late"
