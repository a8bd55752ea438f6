"""Bundles of this engine: signed with the data directory's key, kept there, and judged again when something
is to rest on them."""

import asyncio
from pathlib import Path

from spark_tui.link.messages import CanaryRow
from spark_tui.store import evidence
from spark_tui.store.evidence import Bundle, EvidenceError, EvidenceKey


class Archive:
    """`folder` empty: this engine has no data directory and can keep no evidence."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._key: EvidenceKey | None = None
        self._judged: tuple[object, ...] = ()  # the row judged last, and what its file was then
        self._judgement = ""

    async def keep(self, name: str, bundle: Bundle) -> tuple[str, str]:
        """Path and sha256 of the sealed bundle. Raises EvidenceError."""
        return await asyncio.to_thread(self._keep, name, bundle)

    def _keep(self, name: str, bundle: Bundle) -> tuple[str, str]:
        if not self._folder:
            raise EvidenceError("This engine has no data directory, so it can keep no evidence.")
        sealed = bundle.seal(self._own_key())
        return str(evidence.keep(Path(self._folder), name, sealed)), evidence.sha256(sealed)

    @property
    def signer(self) -> str:
        """Fingerprint of the key, empty while there is none."""
        try:
            return evidence.known_signer(Path(self._folder)) if self._folder else ""
        except EvidenceError:
            return ""

    def trouble(self, row: CanaryRow) -> str:
        """Why the bundle of `row` is not to be believed; empty when it is as it was signed here."""
        try:
            found = evidence.check_file(Path(row.bundle))
            if found.problems:
                return found.problems[0]
            if found.signer != self._own_key().fingerprint:
                return f"it is signed by {found.signer}, which is not this engine's key"
        except EvidenceError as error:
            return str(error).removesuffix(".")
        return "" if found.digest == row.bundle_sha256 else "it is not the bundle the ledger speaks of"

    def trouble_seen(self, row: CanaryRow) -> str:
        """The same for a face that asks every few seconds: a file that nobody touched is not read again.
        Nothing that matters rests on it, for a file can be touched twice within a clock's tick."""
        try:
            found = Path(row.bundle).stat()
        except OSError:
            return self.trouble(row)
        judged = (row.bundle, row.bundle_sha256, found.st_ino, found.st_size, found.st_mtime_ns)
        if judged != self._judged:
            self._judged, self._judgement = judged, self.trouble(row)
        return self._judgement

    def _own_key(self) -> EvidenceKey:
        if self._key is None:
            self._key = EvidenceKey.open(Path(self._folder))
        return self._key
