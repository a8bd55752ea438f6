"""Evidence bundles: JSON in one canonical form, sections chained by their hashes, the last one signed.

    {"format": ..., "seal": {head, public_key, signature}, "sections": [{body, hash, name, previous}, ...]}

A section's hash is sha256(previous hash, name, canonical body); the first one's previous hash is zero. The
signature (Ed25519) is over the format's name and the last hash. A file that is not, byte for byte, the
canonical form of what it says is no bundle, so there is no byte that may be changed: not even white space.
Every request and answer in a section carries its own hash as well, so that a check can name the very one.

Nothing here needs an engine: `check` judges a file anywhere, years later.
"""

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from spark_tui.domain.decimals import plain
from spark_tui.link.rendezvous import write_private

if TYPE_CHECKING:  # half of this module's import time, and only signing and checking need it
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FORMAT = "spark-tui evidence 1"
ZERO = "0" * 64
MAX_BYTES = 16 << 20

KEY_FILE = "evidence.key"
FOLDER = "evidence"

Body = Mapping[str, Any]


class EvidenceError(Exception):
    """One sentence with the cure."""


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found. `problems` is empty exactly when every byte is as it was signed."""

    problems: tuple[str, ...]
    sections: dict[str, Any] = {}  # by name; only what stands in a good bundle is to be believed
    signer: str = ""  # fingerprint of the key that signed
    digest: str = ""  # sha256 of the file

    @property
    def ok(self) -> bool:
        return not self.problems


# --- the canonical form ------------------------------------------------------------------------------------


def canonical(value: object) -> bytes:
    """The one encoding of `value`: sorted keys, no white space, UTF-8; Decimals and floats as plain text, so
    that no reader can round them."""
    return _encoded(_simple(value))


def _encoded(simple: object) -> bytes:
    """Half of a surrogate pair, which a venue may well write, has no UTF-8: it stays the escape it was."""
    text = json.dumps(simple, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode(errors="backslashreplace")


def _simple(value: object) -> object:
    match value:
        case None | bool() | int() | str():
            return str(value) if isinstance(value, str) else value
        case Decimal():
            return plain(value) if value.is_finite() else str(value)
        case float():
            return _simple(Decimal(repr(value)))
        case msgspec.Struct():
            tag = value.__struct_config__.tag
            fields = {name: _simple(getattr(value, name)) for name in value.__struct_fields__}
            return fields if tag is None else {"kind": tag, **fields}
        case Mapping():
            return {str(key): _simple(one) for key, one in value.items()}
        case list() | tuple():
            return [_simple(one) for one in value]
        case set() | frozenset():
            return sorted(str(_simple(one)) for one in value)
    raise TypeError(f"{type(value).__name__} has no canonical form")


def sha256(content: bytes | str) -> str:
    encoded = content.encode(errors="backslashreplace") if isinstance(content, str) else content
    return hashlib.sha256(encoded).hexdigest()


def _link(previous: str, name: str, simple_body: object) -> str:
    return sha256(_encoded([FORMAT, previous, name, simple_body]))


# --- the key -----------------------------------------------------------------------------------------------


class EvidenceKey:
    """Signs bundles. Lives in the data directory, mode 0600, made on first use."""

    def __init__(self, key: "Ed25519PrivateKey") -> None:
        self._key = key

    @classmethod
    def open(cls, data_dir: Path) -> "EvidenceKey":
        """Raises EvidenceError."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        path = data_dir / KEY_FILE
        try:
            if not path.exists():
                seed_hex = Ed25519PrivateKey.generate().private_bytes_raw().hex()
                write_private(path, seed_hex.encode() + b"\n", durable=True)
            if not stat.S_ISREG(path.stat().st_mode):
                raise EvidenceError(f"The evidence key {path} is no plain file; restore or remove it.")
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                raise EvidenceError(
                    f"The evidence key {path} is open to others; run: chmod 600 {path}, or remove it, which"
                    " makes a new one and leaves old bundles signed by nobody you know."
                )
            seed = bytes.fromhex(path.read_text("ascii").strip())
            return cls(Ed25519PrivateKey.from_private_bytes(seed))
        except OSError as error:
            raise EvidenceError(f"The evidence key {path} cannot be used: {error.strerror}.") from None
        except ValueError:
            raise EvidenceError(f"The evidence key {path} is damaged; restore or remove it.") from None

    @property
    def public(self) -> str:
        return self._key.public_key().public_bytes_raw().hex()

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.public)

    def sign(self, content: bytes) -> str:
        return self._key.sign(content).hex()

    def signed(self, content: bytes, signature: str) -> bool:
        from cryptography.exceptions import InvalidSignature

        try:
            self._key.public_key().verify(bytes.fromhex(signature), content)
        except (InvalidSignature, ValueError):
            return False
        return True


def fingerprint(public_key: str) -> str:
    """What an operator compares: 16 hex digits."""
    return sha256(bytes.fromhex(public_key))[:16]


def known_signer(data_dir: Path) -> str:
    """The fingerprint of a data directory's own key; empty where it has none."""
    return EvidenceKey.open(data_dir).fingerprint if (data_dir / KEY_FILE).exists() else ""


# --- writing -----------------------------------------------------------------------------------------------


class Bundle:
    """Sections in the order they are added, each as it will stand in the file and with its hash; `seal` ends
    it."""

    def __init__(self, sections: Iterable[tuple[bytes, str]] = ()) -> None:
        self.sections = list(sections)

    @property
    def head(self) -> str:
        return self.sections[-1][1] if self.sections else ZERO

    def add(self, name: str, body: Body) -> None:
        simple, previous = _simple(body), self.head
        digest = _link(previous, name, simple)
        section = {"name": name, "previous": previous, "body": simple, "hash": digest}
        self.sections.append((_encoded(section), digest))

    def seal(self, key: EvidenceKey) -> bytes:
        seal = {"head": self.head, "public_key": key.public, "signature": key.sign(signed(self.head))}
        sections = b",".join(section for section, _ in self.sections)
        return b'{"format":%b,"seal":%b,"sections":[%b]}\n' % (_encoded(FORMAT), _encoded(seal), sections)


def hashed_exchange(what: str, request: str, answer: str, **facts: object) -> Body:
    """A request and its answer as they stand in a section, each beside its hash."""
    return {
        "what": what,
        "request": request,
        "request_sha256": sha256(request),
        "answer": answer,
        "answer_sha256": sha256(answer),
        **facts,
    }


def keep(data_dir: Path, name: str, content: bytes) -> Path:
    """Write a bundle into the data directory's evidence folder, for its owner only. Raises EvidenceError."""
    if len(content) > MAX_BYTES:
        raise EvidenceError(f"The evidence is larger than {MAX_BYTES >> 20} MiB, so nobody could check it.")
    folder = data_dir / FOLDER
    path = folder / f"{name}.json"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        write_private(path, content, durable=True)  # before the ledger names it
    except OSError as error:
        raise EvidenceError(f"The evidence cannot be written to {path}: {error.strerror}.") from None
    return path


def signed(head: str) -> bytes:
    """What a signature is made of."""
    return f"{FORMAT}\n{head}".encode()


# --- checking ----------------------------------------------------------------------------------------------


def check_file(path: Path, known: Mapping[str, Checked] | None = None) -> Checked:
    """As `check`. `known`: by digest, what was found of contents that were checked before. Raises
    EvidenceError when there is no such file to read."""
    try:
        content = plain_content(path)
    except OSError as error:
        raise EvidenceError(f"{path} cannot be read: {error.strerror}.") from None
    if content is None:
        return Checked(problems=("it is no plain file, so it is no bundle",))
    if len(content) > MAX_BYTES:
        return Checked(problems=(f"it is larger than {MAX_BYTES >> 20} MiB, so it is no bundle",))
    return (known or {}).get(sha256(content)) or check(content)


def plain_content(path: Path) -> bytes | None:
    """At most one byte more than a bundle may have; None for what is no plain file: a pipe would be waited
    for by whoever opens it, and a device may never end."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        return file.read(MAX_BYTES + 1) if stat.S_ISREG(os.fstat(handle).st_mode) else None


def check(content: bytes) -> Checked:
    """Every way in which `content` is not as it was signed. Never raises, whatever it is given."""
    try:
        found = _in_pieces(content)
        if found is not None:
            form = content
        else:
            found = _DECODER.decode(content.decode())
            form = _encoded(found) + b"\n"
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        return Checked(problems=(f"it is no JSON: {error}",), digest=sha256(content))
    if not _has_shape(found):
        return Checked(
            problems=("it is no evidence bundle: format, sections or seal are missing",),
            digest=sha256(content),
        )
    problems = list(_problems(found))
    if form != content:
        problems.append(f"it is not in canonical form: byte {_first_difference(form, content)} differs")
    return Checked(
        problems=tuple(problems),
        sections={section["name"]: section["body"] for section in found["sections"]},
        signer=_signer(found["seal"]["public_key"]),
        digest=sha256(content),
    )


# What is no string in JSON and would need one in the canonical form becomes one, so it differs.
_DECODER = json.JSONDecoder(parse_float=str, parse_constant=str)


def _in_pieces(content: bytes) -> dict[str, Any] | None:
    """`content` parsed section by section; None unless it is in canonical form throughout. The parser holds
    the interpreter for as long as a call takes, so a thread that checks a day's soak makes short ones."""
    try:
        text = content.decode()
        form, at = _piece(text, 0, '{"format":')
        seal, at = _piece(text, at, ',"seal":')
        section, at = _piece(text, at, ',"sections":[')
        sections = [section]
        while text.startswith(",", at):
            section, at = _piece(text, at, ",")
            sections.append(section)
    except (ValueError, RecursionError):
        return None
    whole = text[at:] == "]}\n"
    return {"format": form, "seal": seal, "sections": sections} if whole else None


def _piece(text: str, at: int, lead: str) -> tuple[Any, int]:
    """The value behind `lead`, and where it ends. Raises ValueError."""
    if not text.startswith(lead, at):
        raise ValueError
    begins = at + len(lead)
    value, ends = _DECODER.raw_decode(text, begins)
    if _encoded(value) != text[begins:ends].encode():
        raise ValueError
    return value, ends


_SECTION = {"name": str, "previous": str, "hash": str, "body": dict}
_SEAL = {"head": str, "public_key": str, "signature": str}


def next_section(content: bytes, previous: str) -> dict[str, Any] | None:
    """A section by itself as `Bundle.add` told it, when it follows `previous` and is as it was written."""
    try:
        section = _DECODER.decode(content.decode())
        if not _fits(section, _SECTION) or _encoded(section) != content or section["previous"] != previous:
            return None
    except (ValueError, RecursionError):
        return None
    found: dict[str, Any] = section
    return found if found["hash"] == _link(previous, found["name"], found["body"]) else None


def _has_shape(found: object) -> bool:
    return (
        isinstance(found, dict)
        and found.keys() == {"format", "sections", "seal"}
        and isinstance(found["sections"], list)
        and bool(found["sections"])
        and all(_fits(section, _SECTION) for section in found["sections"])
        and _fits(found["seal"], _SEAL)
    )


def _fits(value: object, shape: Mapping[str, type]) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == shape.keys()
        and all(isinstance(value[name], kind) for name, kind in shape.items())
    )


def _problems(found: dict[str, Any]) -> Iterator[str]:
    if found["format"] != FORMAT:
        yield f"its format is {found['format']!r}, this program knows {FORMAT!r}"
    previous, names = ZERO, set()
    for number, section in enumerate(found["sections"], 1):
        name = section["name"]
        where = f"section {number} ({name})"
        yield from (f"{where}: {what}" for what in _exchange_problems(section["body"]))
        if name in names:
            yield f"{where}: its name stands twice"
        names.add(name)
        if section["previous"] != previous:
            yield f"{where}: it does not follow the section before it"
        if section["hash"] != _link(section["previous"], name, section["body"]):
            yield f"{where}: its content does not match its hash"
        previous = section["hash"]
    yield from _seal_problems(found["seal"], previous)


def _exchange_problems(body: Mapping[str, Any]) -> Iterator[str]:
    exchanges = body.get("exchanges", [])
    for number, one in enumerate(exchanges if isinstance(exchanges, list) else [None], 1):
        if not isinstance(one, dict):
            yield f"exchange {number} is none"
            continue
        for part in ("request", "answer"):
            content, digest = one.get(part), one.get(f"{part}_sha256")
            if not isinstance(content, str) or sha256(content) != digest:
                yield f"the {part} of exchange {number} ({one.get('what')}) does not match its hash"


def _seal_problems(seal: Mapping[str, str], head: str) -> Iterator[str]:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if seal["head"] != head:
        yield "the seal is not of the last section"
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(seal["public_key"]))
        key.verify(bytes.fromhex(seal["signature"]), signed(seal["head"]))
    except (InvalidSignature, ValueError):
        yield "the signature does not match"
    else:
        if not all(seal[part] == bytes.fromhex(seal[part]).hex() for part in ("public_key", "signature")):
            yield "the seal is not written in lower-case hex"


def _signer(public_key: str) -> str:
    try:
        return fingerprint(public_key)
    except ValueError:
        return ""


def _first_difference(form: bytes, content: bytes) -> int:
    pairs = zip(form, content, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(form), len(content)))
