"""Keys, signatures and time windows, against the published vectors."""

import base64
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from spark_tui.simulator.accounts import Account
from spark_tui.simulator.auth import ApiKey, load_public_key, rest_payload, ws_payload
from spark_tui.simulator.errors import ApiError
from tests.simulator.rig import KEY, SECRET, FakeConnection, Rig

ORDER = "&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
WIDE = "%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96"
REST_VECTORS = [
    ("symbol=LTCBTC" + ORDER, "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"),
    (f"symbol={WIDE}{ORDER}", "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3"),
]
WS_VECTORS: list[tuple[dict[str, str], str]] = [
    (
        {"symbol": "BTCUSDT", "side": "SELL", "price": "52000.00", "quantity": "0.01000000"}
        | {"recvWindow": "100"},
        "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24",
    ),
    (
        {"symbol": "１２３４５６", "side": "BUY", "price": "0.10000000", "quantity": "1.00000000"}
        | {"recvWindow": "5000"},
        "b33892ae8e687c939f4468c6268ddd4c40ac1af18ad19a064864c47bae0752cd",
    ),
]
HMAC = ApiKey(KEY, Account(1), secret=SECRET.encode())


@pytest.mark.parametrize(("payload", "signature"), REST_VECTORS)
def test_published_rest_vectors_wherever_the_parameters_stand(payload: str, signature: str) -> None:
    raw = payload.encode()
    cut = raw.index(b"&quantity")
    for query, body in ((raw, b""), (b"", raw), (raw[:cut], raw[cut:])):
        assert rest_payload(query, body) == raw
        assert HMAC.accepts(rest_payload(query + b"&signature=" + signature.encode(), body), signature)
    assert HMAC.accepts(raw, signature.upper())
    assert not HMAC.accepts(raw + b"0", signature)


@pytest.mark.parametrize(("values", "signature"), WS_VECTORS)
def test_published_websocket_vectors(values: dict[str, str], signature: str) -> None:
    common = {"apiKey": KEY, "timeInForce": "GTC", "timestamp": "1645423376532", "type": "LIMIT"}
    assert HMAC.accepts(ws_payload(values | common | {"signature": signature}), signature)


def test_bytes_that_were_not_percent_encoded_are_refused() -> None:
    with pytest.raises(ApiError) as caught:
        rest_payload("symbol=１２３".encode(), b"")
    assert caught.value.code == -1022


def test_ed25519_over_both_faces_and_logon() -> None:
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    rig = Rig()
    key = rig.simulation.accept_public_key(load_public_key(pem))

    def sign(payload: str) -> str:
        return base64.b64encode(private.sign(payload.encode())).decode()

    query = f"timestamp={rig.now_ms}"
    encoded = sign(query).replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    assert rig.raw("GET", "account", f"{query}&signature={encoded}".encode(), key=key)[0] == 200
    values: dict[str, Any] = {"apiKey": key, "timestamp": rig.now_ms}
    values["signature"] = sign(f"apiKey={key}&timestamp={rig.now_ms}")
    assert rig.ask("session.logon", sign=False, **values)["result"]["apiKey"] == key
    assert rig.ask("account.status", sign=False, timestamp=rig.now_ms)["status"] == 200
    assert (
        rig.ask("account.status", sign=False)["error"]["code"] == -1102
    )  # a session still needs a timestamp
    assert rig.ask("userDataStream.subscribe", sign=False)["result"] == {"subscriptionId": 0}
    rig.ask("session.logout", sign=False)
    assert rig.user.take()[-1]["event"]["e"] == "eventStreamTerminated"
    assert rig.ask("account.status", sign=False, timestamp=rig.now_ms)["error"]["code"] == -2014


def test_logon_wants_an_ed25519_key() -> None:
    assert Rig().ask("session.logon")["error"]["code"] == -4056


@pytest.mark.parametrize(
    ("shift_ms", "window", "code"),
    [
        (0, None, 0),
        (999, None, 0),
        (1_000, None, -1021),
        (-5_000, None, 0),
        (-5_001, None, -1021),
        (-60_000, "60000", 0),
        (-10, "9.999", -1021),
        (-10, "10.001", 0),
        (0, "60001", -1131),
        (0, "abc", -1100),
    ],
)
def test_the_time_window(shift_ms: int, window: str | None, code: int) -> None:
    rig = Rig()
    extra = {} if window is None else {"recvWindow": window}
    moments = [rig.now_ms + shift_ms]
    if window is None:
        moments.append(moments[0] * 1_000)  # microseconds are as good
    for moment in moments:
        reply = rig.ask("account.status", timestamp=moment, **extra)
        assert reply.get("error", {}).get("code", 0) == code
        status, body, _ = rig.call("GET", "account", timestamp=moment, **extra)
        assert (body["code"] if status != 200 else 0) == code


def test_a_shifted_server_clock_refuses_both_ways() -> None:
    rig = Rig()
    moment = rig.now_ms
    rig.simulation.clock.offset_ms = 6_000
    late = rig.ask("account.status", timestamp=moment)["error"]
    assert late == {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."}
    rig.simulation.clock.offset_ms = -3_000
    early = rig.ask("account.status", timestamp=moment)["error"]
    assert early["msg"] == "Timestamp for this request was 1000ms ahead of the server's time."


@pytest.mark.parametrize(
    ("key", "status", "code"), [(None, 401, -2014), ("short", 401, -2014), ("A" * 64, 401, -2015)]
)
def test_unknown_keys(key: str | None, status: int, code: int) -> None:
    rig = Rig()
    query = f"timestamp={rig.now_ms}"
    got = rig.raw("GET", "account", f"{query}&signature={rig.sign(query)}".encode(), key=key)
    assert (got[0], got[1]["code"]) == (status, code)


def test_missing_and_wrong_signatures() -> None:
    rig = Rig()
    query = f"timestamp={rig.now_ms}".encode()
    assert rig.raw("GET", "account", query)[1]["code"] == -1102
    assert rig.raw("GET", "account", query + b"&signature=" + b"0" * 64)[1]["code"] == -1022
    assert rig.raw("GET", "account", b"signature=abc")[1]["code"] == -1102
    session = rig.open_session(FakeConnection())
    reply = rig.ask("account.status", sign=False, session=session, **(rig.signed() | {"signature": "0" * 64}))
    assert (reply["status"], reply["error"]["code"]) == (400, -1022)


def test_no_secret_in_a_repr() -> None:
    assert SECRET not in repr(HMAC)
    assert KEY not in repr(HMAC)


def test_a_file_that_holds_no_public_key(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a PEM public key"):
        load_public_key(b"nonsense")
