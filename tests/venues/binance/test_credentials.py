"""Keys from environment and files; secrets stay hidden."""

import copy
import pickle
from pathlib import Path

import pytest

from spark_tui.venues.binance.credentials import (
    CredentialError,
    Ed25519Key,
    HmacKey,
    credentials,
    from_environment,
    from_file,
)

SECRET = "s3cretS3cretS3cret"


def make_pem(passphrase: bytes | None = None, *, rsa: bool = False) -> str:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    locked = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    key = generate_private_key(65537, 2048) if rsa else Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked).decode()


def test_a_secret_shows_nowhere() -> None:
    key = HmacKey("abcdefgh12345678", SECRET)
    for text in (repr(key), str(key), f"{key}", f"{[key]}"):
        assert SECRET not in text
        assert "12345678" not in text
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="never pickled"):
            leak(key)
    assert not hasattr(key, "__dict__")


def test_environment_gives_a_key_or_none() -> None:
    assert from_environment({}) is None
    key = from_environment({"BINANCE_API_KEY": " abc ", "BINANCE_API_SECRET": f" {SECRET}\n"})
    assert isinstance(key, HmacKey)
    assert key.api_key == "abc"
    assert key.sign(b"x") == HmacKey("abc", SECRET).sign(b"x")


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"BINANCE_API_KEY": "abc"}, "BINANCE_API_SECRET is not"),
        ({"BINANCE_API_SECRET": SECRET}, "BINANCE_API_KEY is not"),
        ({"BINANCE_API_KEY": "a b", "BINANCE_API_SECRET": SECRET}, "paste it again"),
        ({"BINANCE_API_KEY": "abc", "BINANCE_API_SECRET": "s\u20acx"}, "paste it again"),
    ],
)
def test_half_or_odd_keys_are_refused_with_a_sentence(environment: dict[str, str], says: str) -> None:
    with pytest.raises(CredentialError, match=says) as refused:
        from_environment(environment)
    assert SECRET not in str(refused.value)


def test_a_pem_in_one_line_of_environment_is_an_ed25519_key() -> None:
    pem = make_pem()
    key = credentials("abc", pem.replace("\n", "\\n"))
    assert isinstance(key, Ed25519Key)
    assert key.sign(b"x") == credentials("abc", pem).sign(b"x")


def test_an_encrypted_pem_wants_its_passphrase() -> None:
    pem = make_pem(b"open sesame")
    assert isinstance(credentials("abc", pem, "open sesame"), Ed25519Key)
    for passphrase in ("", "wrong"):
        with pytest.raises(CredentialError, match="cannot be read"):
            credentials("abc", pem, passphrase)


def test_another_kind_of_key_is_refused() -> None:
    with pytest.raises(CredentialError, match="not Ed25519"):
        credentials("abc", make_pem(rsa=True))
    with pytest.raises(CredentialError, match="cannot be read"):
        credentials("abc", "-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_file_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    path.write_text(SECRET)
    path.chmod(mode)
    with pytest.raises(CredentialError, match=r"read by others; run: chmod 600") as refused:
        from_file("abc", path)
    assert SECRET not in str(refused.value)


def test_a_private_file_gives_either_kind_of_key(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.touch(0o600)
    path.write_text(make_pem())
    assert isinstance(from_file("abc", path), Ed25519Key)
    path.write_text(SECRET + "\n")
    assert from_file("abc", path).sign(b"x") == HmacKey("abc", SECRET).sign(b"x")


def test_what_is_no_key_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match="No such file"):
        from_file("abc", tmp_path / "absent")
    with pytest.raises(CredentialError, match="not a regular file"):
        from_file("abc", tmp_path)
    path = tmp_path / "binary"
    path.touch(0o600)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CredentialError, match="not text"):
        from_file("abc", path)
    path.write_bytes(b"x" * 20_000)
    with pytest.raises(CredentialError, match="too large"):
        from_file("abc", path)
