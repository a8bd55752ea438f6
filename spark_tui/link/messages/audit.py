"""The audit: who did what, through which face, what the rules said, and what came of it."""

from decimal import Decimal

import msgspec

from spark_tui.link.messages.base import Request


class GetAudit(Request, frozen=True, tag="audit"):
    """The newest rows that hold every word of `text`, older than ledger entry `before` (0: the newest) and
    newer than `after`. `all_entries`: every ledger entry, not only what somebody did."""

    text: str = ""
    before: int = 0
    after: int = 0
    limit: int = 200
    all_entries: bool = False


class AuditVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule said of it. `used` and `allowed` in the rule's own unit."""

    rule: str
    ok: bool
    code: str = ""
    used: Decimal | None = None
    allowed: Decimal | None = None


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """One ledger entry in an operator's words. `who`: an operator, or "engine"; `face`: how they spoke, empty
    for the engine itself. `ok` None: it is a fact, not something that could be refused."""

    seq: int
    at_ms: int
    who: str
    face: str
    action: str
    what: str
    result: str
    ok: bool | None = None
    verdicts: tuple[AuditVerdict, ...] = ()


class Audit(msgspec.Struct, frozen=True, kw_only=True, tag="audit"):
    """Newest first. `before`: ask with it for what is older, also when there are no rows, for one question
    reads a bounded part of the ledger; 0 when that was all. `entries`: how many the ledger holds."""

    rows: tuple[AuditRow, ...]
    before: int
    entries: int
