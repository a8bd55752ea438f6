"""What the gate answers while a command runs, collected for the audit; the gate knows of no commands."""

from collections.abc import Iterable
from contextvars import ContextVar

from spark_tui.domain.risk import Verdict
from spark_tui.link.messages.audit import AuditVerdict

MAX_VERDICTS = 128  # of one command: an order list has a set a leg


class Witness:
    """Collects the verdicts of the command in whose context the gate is asked, until that has its answer."""

    def __init__(self) -> None:
        self.verdicts: list[AuditVerdict] = []
        self.open = True


WITNESS: ContextVar[Witness | None] = ContextVar("witness", default=None)


def saw(verdicts: Iterable[Verdict]) -> None:
    """The gate tells what it answered."""
    witness = WITNESS.get()
    if witness is None or not witness.open:
        return
    room = MAX_VERDICTS - len(witness.verdicts)
    witness.verdicts += [
        AuditVerdict(rule=one.rule, ok=one.ok, code=one.code, used=one.used, allowed=one.allowed)
        for one in verdicts
    ][:room]
