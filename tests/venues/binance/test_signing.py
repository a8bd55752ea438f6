"""Published vectors (protocol section 3) and RFC 8032's, so that a wrong signature cannot pass."""

from urllib.parse import parse_qsl, quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.venues.binance.credentials import Ed25519Key, HmacKey
from spark_tui.venues.binance.signing import rest_payload, signed_params, signed_query, ws_payload
from tests.shared_data import shared

API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"

REST_VECTORS = [
    ("LTCBTC", "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"),
    ("１２３４５６", "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3"),
]


@pytest.mark.parametrize(("symbol", "signature"), REST_VECTORS)
def test_rest_signature_equals_the_published_vector(symbol: str, signature: str) -> None:
    params = [
        ("symbol", symbol),
        ("side", "BUY"),
        ("type", "LIMIT"),
        ("timeInForce", "GTC"),
        ("quantity", "1"),
        ("price", "0.1"),
        ("recvWindow", "5000"),
        ("timestamp", "1499827319559"),
    ]
    query = signed_query(params, HmacKey(API_KEY, SECRET))
    assert query.endswith(f"&signature={signature}")
    assert query.startswith(f"symbol={quote(symbol)}&side=BUY&")


@pytest.mark.parametrize("name", ["hmac", "hmac-unicode"])
def test_ws_api_signature_equals_the_published_vector(name: str) -> None:
    path = shared("protocols", "samples", "binance-spot", f"wsapi-order-place-request-signed-{name}.json")
    params = msgspec.json.decode(path.read_bytes())["params"]
    signature = params.pop("signature")
    del params["apiKey"]
    assert signed_params(params, HmacKey(API_KEY, SECRET))["signature"] == signature


def test_ed25519_equals_rfc_8032() -> None:
    """Section 7.1, test 2: the raw payload is signed, no hash before it."""
    key = Ed25519Key(API_KEY, _pem("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
    expected = (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    assert key.sign(b"\x72") == _base64(expected)


def test_ed25519_signature_is_percent_encoded_in_rest_and_raw_in_the_ws_api() -> None:
    key = Ed25519Key(API_KEY, _pem("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
    query = signed_query([("timestamp", "1")], key)
    tail = query.partition("&signature=")[2]
    assert tail.endswith("%3D%3D")
    assert not set(tail) & set("+/=")
    assert signed_params({"timestamp": "1"}, key)["signature"] == key.sign(
        f"apiKey={API_KEY}&timestamp=1".encode()
    )


def test_ws_payload_is_sorted_and_not_encoded() -> None:
    assert ws_payload({"symbol": "这是", "apiKey": "k", "price": "1.50"}) == "apiKey=k&price=1.50&symbol=这是"


@given(st.lists(st.tuples(st.text(min_size=1, max_size=8), st.text(min_size=1, max_size=12)), min_size=1))
def test_rest_payload_is_ascii_and_reads_back(params: list[tuple[str, str]]) -> None:
    payload = rest_payload(params)
    assert payload.isascii()
    assert not set(payload) & set(' +"<>#')
    assert parse_qsl(payload, keep_blank_values=True, strict_parsing=True) == params


def _pem(seed: str) -> str:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _base64(hex_text: str) -> str:
    import base64

    return base64.b64encode(bytes.fromhex(hex_text)).decode()
