"""Bundles of this engine: signed with the data directory's key, kept there, and judged again when something
is to rest on them."""

import asyncio
import threading
from collections.abc import Iterable
from pathlib import Path

import msgspec

from spark_tui.link.messages import CanaryRow
from spark_tui.store import evidence, evidence_journal, evidence_shelf
from spark_tui.store.evidence import Bundle, Checked, EvidenceError, EvidenceKey
from spark_tui.store.evidence_journal import Gathered, Journal
from spark_tui.store.evidence_shelf import Removed

_Identity = tuple[object, ...]


class Archive:
    """`folder` empty: this engine has no data directory and can keep no evidence. `most`: bytes of all its
    bundles."""

    def __init__(self, folder: str, most: int) -> None:
        self._folder = folder
        self._most = most
        self.size: int | None = None  # of them all, None before they were looked at
        self._turn = threading.Lock()  # what is written while room is made is counted once
        self._key: EvidenceKey | None = None
        self._judged: tuple[_Identity, str] = ((), "")  # what was judged last, and as what
        self._checked: dict[str, Checked] = {}  # by digest: the content checked last

    async def keep(self, run_id: str, bundle: Bundle) -> tuple[str, str]:
        """Path and sha256 of the sealed bundle. Raises EvidenceError."""
        return await asyncio.to_thread(self._keep, _name(run_id), bundle)

    async def bound(self, needed: Iterable[str]) -> Removed:
        """Nothing is removed that `needed` (run ids) names. Raises EvidenceError."""
        if not self._folder or (self.size is not None and self.size <= self._most):
            return Removed(count=0, size=self.size or 0)
        names = {_name(run_id) + ".json" for run_id in needed}
        try:
            return await asyncio.to_thread(self._bound, names)
        except OSError as error:
            raise EvidenceError(f"Old evidence cannot be removed: {error.strerror}.") from None

    async def journal(self, run_id: str) -> Journal | None:
        """For what is gathered bit by bit; None where no evidence can be kept. Raises EvidenceError."""
        if not self._folder:
            return None
        return Journal(Path(self._folder), _name(run_id), await asyncio.to_thread(self._own_key))

    async def left_behind(self) -> list[Path]:
        """Journals that nobody ended."""
        return (
            await asyncio.to_thread(evidence_journal.left_behind, Path(self._folder)) if self._folder else []
        )

    async def gathered(self, path: Path) -> Gathered:
        """Raises EvidenceError."""
        return await asyncio.to_thread(lambda: evidence_journal.read(path, self._own_key()))

    def _keep(self, name: str, bundle: Bundle) -> tuple[str, str]:
        if not self._folder:
            raise EvidenceError("This engine has no data directory, so it can keep no evidence.")
        sealed = bundle.seal(self._own_key())
        with self._turn:
            path = evidence.keep(Path(self._folder), name, sealed)
            if self.size is not None:
                self.size += len(sealed)
        return str(path), evidence.sha256(sealed)

    def _bound(self, names: set[str]) -> Removed:
        with self._turn:
            removed = evidence_shelf.bound(Path(self._folder), self._most, names)
            self.size = removed.size
        return removed

    @property
    def signer(self) -> str:
        """Fingerprint of the key, empty while there is none."""
        if self._key is not None:
            return self._key.fingerprint
        try:
            return evidence.known_signer(Path(self._folder)) if self._folder else ""
        except EvidenceError:
            return ""

    async def trouble(self, row: CanaryRow) -> str:
        """Why the bundle of `row` is not to be believed; empty when it is as it was signed here. Of a whole
        day's soak that takes a second, which the engine does not wait for."""
        return await asyncio.to_thread(self._judge, row)

    def remembered(self, row: CanaryRow) -> str | None:
        """The same as it was judged last, for a face that asks every few seconds; None when the file was
        touched since. Nothing that matters rests on it, for a file can be touched twice within a clock's
        tick."""
        identity, judgement = self._judged
        return judgement if identity == _identity(row) else None

    def _judge(self, row: CanaryRow) -> str:
        identity = _identity(row)
        judgement = self._judgement(row)
        self._judged = identity, judgement
        return judgement

    def _judgement(self, row: CanaryRow) -> str:
        try:
            found = evidence.check_file(Path(row.bundle), self._checked)
            self._remember(found)
            if found.problems:
                return found.problems[0]
            if found.signer != self._own_key().fingerprint:
                return f"it is signed by {found.signer}, which is not this engine's key"
        except EvidenceError as error:
            return str(error).removesuffix(".")
        return "" if found.digest == row.bundle_sha256 else "it is not the bundle the ledger speaks of"

    def _remember(self, found: Checked) -> None:
        """What was found of a content holds for ever: the same bytes are not parsed again."""
        if found.digest:
            self._checked = {found.digest: msgspec.structs.replace(found, sections={})}

    def _own_key(self) -> EvidenceKey:
        if self._key is None:
            self._key = EvidenceKey.open(Path(self._folder))
        return self._key


def _name(run_id: str) -> str:
    return f"canary-{run_id}"


def _identity(row: CanaryRow) -> _Identity:
    """Of a row and its file as it is now; another one whenever the file was touched."""
    try:
        found = Path(row.bundle).stat()
    except OSError as error:
        return (row.bundle, row.bundle_sha256, error.errno)
    return (row.bundle, row.bundle_sha256, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
