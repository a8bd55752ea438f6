"""A soak's evidence, on disk check by check: what an engine that is killed leaves behind, the next seals."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec

from spark_tui.engine.canary.figures import Figures
from spark_tui.engine.canary.papers import Papers
from spark_tui.engine.canary.soak import CHECK, reasons_of, shown
from spark_tui.engine.state import State
from spark_tui.link.messages import CanaryCheck, CanaryRow, CanaryVerdict
from spark_tui.link.service import LinkError
from spark_tui.store.evidence import Bundle, EvidenceError
from spark_tui.store.evidence_journal import Gathered, Journal


class Growing:
    """`journal` None: this engine can keep no evidence, which its end will say."""

    def __init__(self, papers: Papers, bundle: Bundle, journal: Journal | None) -> None:
        self._papers = papers
        self._bundle = bundle
        self._journal = journal
        self._on_disk = 0  # sections

    @classmethod
    async def begin(cls, papers: Papers, row: CanaryRow) -> "Growing":
        """Raises LinkError EVIDENCE where there is no key to sign with."""
        try:
            journal = await papers.archive.journal(row.run_id)
        except EvidenceError as error:
            raise LinkError("EVIDENCE", str(error)) from None
        return cls(papers, await papers.begin(row), journal)

    async def add(self, name: str, body: dict[str, object]) -> str:
        """What went wrong with writing it; it is tried again with the next one."""
        self._bundle.add(name, body)
        if self._journal is None:
            return ""
        sections = self._bundle.sections
        try:
            await asyncio.to_thread(self._journal.append, sections[self._on_disk :])
        except EvidenceError as error:
            return str(error)
        self._on_disk = len(sections)
        return ""

    async def end(self, row: CanaryRow) -> CanaryRow:
        """The journal goes once the bundle stands, and is on record."""
        self._bundle.add("figures", {"figures": row.figures})
        row = await self._papers.end(row, self._bundle)
        if self._journal is not None:
            self._journal.close(remove=bool(row.bundle))
        return row


class _Kept(msgspec.Struct):
    """Of a check's section what a row is made of."""

    at_ms: int
    check: CanaryCheck


class LeftBehind:
    """Journals of soaks that were cut off, made into bundles."""

    def __init__(self, papers: Papers, state: State, tell: Callable[[str, str], None]) -> None:
        self._papers = papers
        self._state = state
        self._tell = tell

    async def seal(self) -> None:
        for path in await self._papers.archive.left_behind():
            try:
                await self._seal(path)
            except (EvidenceError, OSError, msgspec.ValidationError) as error:
                text = f"What a soak that was cut off left behind stays as it is: {error}"
                self._tell("bad", f"{text.rstrip('.')}: {path}.")

    async def _seal(self, path: Path) -> None:
        """Raises EvidenceError, or ValidationError for what another version of this program wrote."""
        found = await self._papers.archive.gathered(path)
        if "run" not in found.bodies or "config" not in found.bodies:
            raise EvidenceError(found.trouble or "it holds no check")
        row = cut_off(found)
        known = self._state.canaries.get(row.run_id)
        if known is None or not known.bundle:
            bundle = Bundle(found.sections)
            bundle.add("cut off", {"sealed_at_ms": self._papers.now_ms(), "trouble": found.trouble})
            row = await self._papers.end(row, bundle)
            if not row.bundle:
                return
        await asyncio.to_thread(path.unlink)


def cut_off(found: Gathered) -> CanaryRow:
    """Of a soak whose engine ended before it did: as far as it came, and never green. Raises
    ValidationError."""
    kept = [
        msgspec.convert(body, _Kept, strict=False)
        for name, body in found.bodies.items()
        if name.startswith(CHECK)
    ]
    checks = tuple(one.check for one in kept)
    figures, latencies = Figures(), list[float]()
    for check in checks:
        figures.add(check)
        if seen := check.measured:
            latencies += [one for one in (seen.test_latency_s, seen.order_latency_s) if one is not None]
    after = f"after check {checks[-1].name}" if checks else "before its first check"
    text = f"CUT_OFF: the engine ended {after}; the evidence holds what was gathered"
    if found.trouble:
        text = f"{text}, but {found.trouble}"
    told = shown(checks)
    about = {
        **found.bodies["run"],
        "config_hash": found.bodies["config"].get("hash"),
        "verdict": CanaryVerdict.RED,
        "reasons": (text, *reasons_of(told)),
    }
    row = msgspec.convert(about, CanaryRow, strict=False)
    return msgspec.structs.replace(
        row,
        at_ms=max([row.at_ms, *(one.at_ms for one in kept)]),
        checks=told,
        figures=figures.told(),
        latencies_s=tuple(latencies),
    )
