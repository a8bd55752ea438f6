"""What `spark-tui kill` says: never more than the venues said."""

import pytest

from spark_tui.commands.kill import _tell
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
