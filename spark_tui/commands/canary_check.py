"""`spark-tui canary verify FILE`: a bundle judged by itself, with no engine."""

import argparse
import sys
from pathlib import Path
from typing import Any

from spark_tui.commands import rows
from spark_tui.commands.errors import REFUSED, USAGE, CommandError
from spark_tui.commands.reach import data_dir_of
from spark_tui.domain.words import one_line
from spark_tui.store.evidence import Checked, EvidenceError, EvidenceKey, check_file, known_signer
from spark_tui.store.evidence_journal import SUFFIX, read


def run(arguments: argparse.Namespace) -> int:
    """0 only when every byte is as it was signed, by the signer asked for, else by this data directory's
    key where it has one."""
    path: Path = arguments.file
    try:
        found = _unsealed(path) if path.suffix == SUFFIX else check_file(path)
        signer = arguments.signer or known_signer(data_dir_of(arguments))
    except EvidenceError as error:
        raise CommandError(str(error), USAGE) from None
    problems = [one_line(problem) for problem in found.problems]  # they name what a stranger may have named
    if found.ok and signer and found.signer != signer:
        problems.append(
            f"it is signed by {found.signer}, not by {signer}; if you know that signer, say"
            f" --signer {found.signer}"
        )
    if arguments.json:
        print(rows.to_json(_row(path, found, problems)))
    elif not problems:
        print(_words(found, known=bool(signer)))
    for problem in problems:
        print(f"spark-tui: {path}: {problem}", file=sys.stderr)
    return REFUSED if problems else 0


def _unsealed(path: Path) -> Checked:
    """A soak's journal beside its key is no bundle yet; how much of it will be is told all the same. Raises
    EvidenceError."""
    data_dir = path.absolute().parent.parent
    if not known_signer(data_dir):
        return Checked(problems=("it is a soak's journal, and the key that signs it is not beside it",))
    found = read(path, EvidenceKey.open(data_dir))
    checks = sum(name.startswith("check ") for name in found.bodies)
    but = f", but {found.trouble}" if found.trouble else ""
    text = (
        f"it is the journal of a soak that runs or was cut off; checks as they were signed: {checks}{but};"
        " the next engine that starts there makes it a bundle"
    )
    return Checked(problems=(text,))


def _row(path: Path, found: Checked, problems: list[str]) -> rows.Row:
    run, verdict = _said(found)
    return {
        "run_id": run.get("run_id", ""),
        "bundle": str(path),
        "verified": not problems,
        "verdict": verdict.get("verdict", ""),
        "reasons": problems or verdict.get("reasons", []),
        "signer": found.signer,
        "sha256": found.digest,
    }


def _said(found: Checked) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a good bundle says of its run and its verdict; what a bad one says is not to be believed."""
    if not found.ok:
        return {}, {}
    return found.sections.get("run", {}), found.sections.get("verdict", {})


def _words(found: Checked, *, known: bool) -> str:
    run, verdict = _said(found)
    scope = " ".join(str(run[name]) for name in ("side", "quantity", "symbol") if run.get(name))
    whose = "the key asked for" if known else "compare it with the signer you expect"
    return one_line(
        f"Verified: {run.get('kind', 'bundle')} {run.get('run_id', '')} on {run.get('environment', '?')},"
        f" {scope}, verdict {verdict.get('verdict', '?')}; {len(found.sections)} sections, signer"
        f" {found.signer} ({whose})."
    )
