"""API keys: Ed25519 (preferred) and HMAC. A secret never shows in a repr, a pickle or an error's text."""

import base64
import hmac
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_MAX_KEY_FILE_BYTES = 16_384


class CredentialError(Exception):
    """A key that cannot be used; the text is one sentence with the cure and holds no secret."""


class _Secret:
    """Holds a secret: no repr, no pickle, no copy that would write it somewhere."""

    __slots__ = ("_api_key",)

    def __init__(self, api_key: str) -> None:
        self._api_key = _clean_api_key(api_key)

    @property
    def api_key(self) -> str:
        return self._api_key

    def __repr__(self) -> str:
        return f"{type(self).__name__}(api_key={self._api_key[:4]}…, secret hidden)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("An API key is never pickled or copied.")


class HmacKey(_Secret):
    """API key with an HMAC-SHA256 secret; signs to 64 lower-case hex digits."""

    __slots__ = ("_secret",)

    def __init__(self, api_key: str, secret: str) -> None:
        super().__init__(api_key)
        secret = secret.strip()
        if not secret:
            raise CredentialError("The API secret is empty; set BINANCE_API_SECRET or give a key file.")
        if not secret.isascii() or not secret.isprintable():
            raise CredentialError("The API secret has characters no Binance secret has; paste it again.")
        self._secret = secret.encode("ascii")

    def sign(self, payload: bytes) -> str:
        return hmac.digest(self._secret, payload, "sha256").hex()


class Ed25519Key(_Secret):
    """API key with an Ed25519 private key (PKCS#8 PEM); signs to 88 characters of base64."""

    __slots__ = ("_private",)

    def __init__(self, api_key: str, pem: str, passphrase: str = "") -> None:
        super().__init__(api_key)
        self._private = _private_key(pem, passphrase)

    def sign(self, payload: bytes) -> str:
        return base64.b64encode(self._private.sign(payload)).decode("ascii")


Credentials = HmacKey | Ed25519Key


def credentials(api_key: str, secret: str, passphrase: str = "") -> Credentials:
    """A key from its two texts; a secret that is a PEM block makes an Ed25519 key. Raises CredentialError."""
    if "-----BEGIN" in secret:
        # an environment variable often carries the line ends of a PEM as the two characters \n
        return Ed25519Key(api_key, secret.replace("\\n", "\n"), passphrase)
    return HmacKey(api_key, secret)


def from_file(api_key: str, path: Path, passphrase: str = "") -> Credentials:
    """A key whose secret (PEM, or one line with an HMAC secret) is in a file only its owner can read.

    Raises CredentialError.
    """
    return credentials(api_key, _read_private(path), passphrase)


def from_environment(environment: Mapping[str, str]) -> Credentials | None:
    """The key in BINANCE_API_KEY and BINANCE_API_SECRET; None when neither is set. Raises CredentialError."""
    api_key = environment.get("BINANCE_API_KEY", "").strip()
    secret = environment.get("BINANCE_API_SECRET", "").strip()
    if not api_key and not secret:
        return None
    if not api_key:
        raise CredentialError("BINANCE_API_SECRET is set but BINANCE_API_KEY is not; set both or neither.")
    if not secret:
        raise CredentialError("BINANCE_API_KEY is set but BINANCE_API_SECRET is not; set both or neither.")
    return credentials(api_key, secret)


def _clean_api_key(api_key: str) -> str:
    api_key = api_key.strip()
    if not api_key:
        raise CredentialError("The API key is empty; set BINANCE_API_KEY.")
    if not api_key.isascii() or not api_key.isalnum():
        raise CredentialError("The API key has characters no Binance key has; paste it again.")
    return api_key


def _private_key(pem: str, passphrase: str) -> "Ed25519PrivateKey":
    # imported here: 30 ms that an HMAC key or a public session need not pay
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), passphrase.encode() if passphrase else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # the library's own text may quote the input
        raise CredentialError(
            "The private key cannot be read; give an unencrypted PKCS#8 PEM, or its passphrase."
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise CredentialError("The private key is not Ed25519; create an Ed25519 or an HMAC key at Binance.")
    return key


def _read_private(path: Path) -> str:
    try:
        status = path.stat()
    except OSError as error:
        raise CredentialError(f"The key file {path} cannot be read: {error.strerror}.") from None
    if not stat.S_ISREG(status.st_mode):
        raise CredentialError(f"The key file {path} is not a regular file.")
    if status.st_mode & 0o077:
        raise CredentialError(f"The key file {path} can be read by others; run: chmod 600 {path}")
    if status.st_size > _MAX_KEY_FILE_BYTES:
        raise CredentialError(f"The key file {path} is too large to be a key.")
    try:
        return path.read_text("utf-8").strip()
    except OSError as error:
        raise CredentialError(f"The key file {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise CredentialError(f"The key file {path} is not text; give a PEM file or a secret.") from None
