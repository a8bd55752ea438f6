"""The Health screen: what it says of the line to this terminal."""

import dataclasses

from spark_tui.ui.screens.health import TerminalFacts
from tests.ui.cockpit import cockpit


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
