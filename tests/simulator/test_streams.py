"""Control messages and the hub."""

import json
from typing import Any

import pytest

from spark_tui.simulator.hub import Hub
from spark_tui.simulator.streams import StreamSession, TooManyStreams
from tests.simulator.rig import FakeConnection


def session() -> tuple[StreamSession, FakeConnection, Hub]:
    hub, connection = Hub(), FakeConnection()
    return StreamSession(connection, hub), connection, hub  # type: ignore[arg-type]


def say(stream: StreamSession, **message: Any) -> dict[str, Any]:
    return stream.control(json.dumps(message).encode())


def test_the_url_names_streams() -> None:
    stream, connection, hub = session()
    stream.open_with("/ws/btcusdt%40trade", "")
    assert hub.wants("btcusdt@trade")
    assert not connection.combined
    stream, connection, hub = session()
    stream.open_with("/stream", "streams=btcusdt@depth/ethusdt%40trade&timeUnit=MILLISECOND")
    assert connection.combined
    assert sorted(hub.streams()) == ["btcusdt@depth", "ethusdt@trade"]
    stream.close()
    assert hub.streams() == ()


def test_live_subscriptions_and_both_frame_forms() -> None:
    stream, connection, hub = session()
    stream.open_with("/ws", "")
    assert say(stream, method="SUBSCRIBE", params=["a@trade", "b@trade"], id=1) == {"result": None, "id": 1}
    hub.publish("a@trade", b'{"p":1}')
    assert say(stream, method="SET_PROPERTY", params=["combined", True], id=2)["result"] is None
    assert say(stream, method="GET_PROPERTY", params=["combined"], id="x") == {"result": True, "id": "x"}
    hub.publish("b@trade", b'{"p":2}')
    assert connection.frames == [b'{"p":1}', b'{"stream":"b@trade","data":{"p":2}}']
    assert say(stream, method="UNSUBSCRIBE", params=["a@trade"], id=None) == {"result": None, "id": None}
    assert say(stream, method="LIST_SUBSCRIPTIONS", id=3) == {"result": ["b@trade"], "id": 3}
    hub.publish("a@trade", b"{}")
    assert len(connection.frames) == 2


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"method": "FLY", "params": [], "id": 1}, 2),
        ({"params": [], "id": 1}, 2),
        ({"method": "SUBSCRIBE", "id": 1}, 2),
        ({"method": "SUBSCRIBE", "params": "a", "id": 1}, 2),
        ({"method": "SUBSCRIBE", "params": [1], "id": 1}, 2),
        ({"method": "GET_PROPERTY", "params": ["colour"], "id": 1}, 0),
        ({"method": "GET_PROPERTY", "params": [], "id": 1}, 2),
        ({"method": "SET_PROPERTY", "params": ["combined", "yes"], "id": 1}, 1),
        ({"method": "SET_PROPERTY", "params": ["combined"], "id": 1}, 2),
        ({"method": "LIST_SUBSCRIPTIONS", "id": 1.5}, 2),
    ],
)
def test_refused_control_messages(message: dict[str, Any], code: int) -> None:
    stream, _, _ = session()
    answer = say(stream, **message)
    assert answer["code"] == code
    assert answer.get("id") == (1 if message["id"] == 1 else None)


def test_what_is_not_json() -> None:
    stream, _, _ = session()
    assert stream.control(b"{nope")["code"] == 3
    assert stream.control(b"[]")["code"] == 2


def test_a_connection_carries_1024_streams() -> None:
    stream, _, hub = session()
    names = [f"s{number}@trade" for number in range(1_024)]
    say(stream, method="SUBSCRIBE", params=names, id=1)
    assert len(hub.streams()) == 1_024
    with pytest.raises(TooManyStreams):
        say(stream, method="SUBSCRIBE", params=["one@more"], id=2)
    assert say(stream, method="SUBSCRIBE", params=["s1@trade"], id=3)["result"] is None
