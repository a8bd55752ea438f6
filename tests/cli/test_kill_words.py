"""What `spark-tui kill` says: never more than the venues said."""

from decimal import Decimal

import msgspec
import pytest

from spark_tui.commands.kill import _tell
from spark_tui.rescue.flatten import Residue
from spark_tui.rescue.process import Outcome


def _outcome(*, confirmed: bool) -> Outcome:
    return Outcome(
        engine="none", canceled=(), left=(), flattened=(), residue=(), errors=(), confirmed=confirmed
    )


def test_a_venue_that_could_not_be_asked_is_not_called_empty(capsys: pytest.CaptureFixture[str]) -> None:
    _tell(_outcome(confirmed=False), flatten=True)
    said = capsys.readouterr().out
    assert "nothing was" not in said
    assert "Flattened with: nothing could be sent." in said
    assert "Not confirmed" in said


def test_an_empty_venue_is_called_empty(capsys: pytest.CaptureFixture[str]) -> None:
    _tell(_outcome(confirmed=True), flatten=True)
    said = capsys.readouterr().out
    assert "Cancelled: nothing was open." in said
    assert "Flattened with: nothing was held." in said


def test_what_is_not_known_is_not_called_held(capsys: pytest.CaptureFixture[str]) -> None:
    left = Residue(venue="fake", symbol="", quantity=Decimal(0), dust=False, text="nobody tells")
    outcome = msgspec.structs.replace(_outcome(confirmed=True), residue=(left,))
    _tell(outcome, flatten=True)
    said = capsys.readouterr().out
    assert "NOT KNOWN: at fake (nobody tells)" in said
    assert "STILL HELD" not in said
    assert "nothing was held" not in said
    assert "Not done." in said
