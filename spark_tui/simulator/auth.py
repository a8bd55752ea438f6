"""Who is asking: API keys, signatures over the bytes as received, timestamps (protocol section 3)."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from spark_tui.simulator.accounts import Account
from spark_tui.simulator.errors import ApiError, illegal, missing

_KEY_FORM = re.compile(r"[A-Za-z0-9]{64}")
_INTEGER = re.compile(r"[0-9]{1,20}")
_WINDOW = re.compile(r"[0-9]{1,5}(\.[0-9]{1,3})?")
_DEFAULT_WINDOW_US = 5_000_000
_LONGEST_WINDOW_US = 60_000_000
_AHEAD_US = 1_000_000
_EARLIEST_US = 1_483_228_800_000_000  # 2017-01-01
_MICROSECONDS_FROM = 100_000_000_000_000  # a timestamp this large counts microseconds


class ApiKey(msgspec.Struct, frozen=True):
    """One key of an account: HMAC when it has a secret, Ed25519 when it has a public key."""

    key: str
    account: Account
    secret: bytes = b""
    public_key: Ed25519PublicKey | None = None

    def accepts(self, payload: bytes, signature: str) -> bool:
        if self.public_key is None:
            digest = hmac.new(self.secret, payload, hashlib.sha256).hexdigest()
            return hmac.compare_digest(digest.encode(), signature.lower().encode())
        try:
            self.public_key.verify(base64.b64decode(signature, validate=True), payload)
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True

    def __repr__(self) -> str:
        return f"ApiKey({self.key[:4]}...)"


class KeyRing:
    """The keys the venue knows."""

    def __init__(self) -> None:
        self._keys: dict[str, ApiKey] = {}

    def add(self, key: ApiKey) -> None:
        self._keys[key.key] = key

    def find(self, key: str | None) -> ApiKey:
        """ApiError -2014 for something that is no key, -2015 for a key nobody has."""
        if key is None or not _KEY_FORM.fullmatch(key):
            raise ApiError(401, -2014, "API-key format invalid.")
        found = self._keys.get(key)
        if found is None:
            raise revoked()
        return found


def revoked() -> ApiError:
    return ApiError(401, -2015, "Invalid API-key, IP, or permissions for action.")


def bad_signature() -> ApiError:
    return ApiError(400, -1022, "Signature for this request is not valid.")


def check_signature(key: ApiKey, payload: bytes, signature: str | None) -> None:
    """ApiError -1102 without a signature, -1022 for one that does not belong to these bytes."""
    if not signature:
        raise missing("signature")
    if not key.accepts(payload, signature):
        raise bad_signature()


def check_time(params: Mapping[str, str], now_us: int) -> None:
    """`timestamp` (ms or us) against the server's clock and `recvWindow`; ApiError -1021 outside of it."""
    text = params.get("timestamp")
    if not text:
        raise missing("timestamp")
    if not _INTEGER.fullmatch(text):
        raise illegal("timestamp", "^[0-9]{1,20}$")
    sent_us = int(text)
    if sent_us < _MICROSECONDS_FROM:
        sent_us *= 1_000
    window_us = _window(params.get("recvWindow"))
    if sent_us >= now_us + _AHEAD_US:
        raise ApiError(400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if sent_us < _EARLIEST_US or now_us - sent_us > window_us:
        raise ApiError(400, -1021, "Timestamp for this request is outside of the recvWindow.")


def _window(text: str | None) -> int:
    if text is None:
        return _DEFAULT_WINDOW_US
    if not _WINDOW.fullmatch(text):
        raise illegal("recvWindow", "^[0-9]{1,5}(\\.[0-9]{1,3})?$")
    window = round(float(text) * 1_000)
    if window > _LONGEST_WINDOW_US:
        raise ApiError(400, -1131, "recvWindow must be less than 60000")
    return window


def rest_payload(query: bytes, body: bytes) -> bytes:
    """What a REST signature covers: query and body as sent, nothing between, without the signature itself.

    ApiError -1022 for bytes that were not percent-encoded (the rule since 2026-01-15).
    """
    payload = _without_signature(query) + _without_signature(body)
    if not payload.isascii():
        raise bad_signature()
    return payload


def _without_signature(part: bytes) -> bytes:
    if b"signature=" not in part:
        return part
    return b"&".join(pair for pair in part.split(b"&") if not pair.startswith(b"signature="))


def ws_payload(params: Mapping[str, str]) -> bytes:
    """What a WebSocket API signature covers: all other parameters sorted by name, raw UTF-8."""
    return "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "signature").encode()


def load_public_key(pem: bytes) -> Ed25519PublicKey:
    """An Ed25519 public key from PEM; ValueError with a sentence for anything else."""
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem)
    except ValueError:
        raise ValueError("it is not a PEM public key") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("it is not an Ed25519 public key")
    return key
