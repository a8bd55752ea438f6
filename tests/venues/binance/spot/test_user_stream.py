"""The account's events: subscribed on every connection, and told whenever they stop or start again."""

from decimal import Decimal as D
from typing import Any

import msgspec
import pytest

from spark_tui.venues.port import BalancesReport, CashReport, OrderReport
from tests.shared_data import shared
from tests.venues.binance.spot.conftest import Seen, adapter, running
from tests.venues.binance.spot.peer import ACCOUNT, Peer, ok, refused, rest_refused

SUBSCRIBE = "userDataStream.subscribe.signature"


def event(name: str) -> dict[str, Any]:
    path = shared("protocols", "samples", "binance-spot", f"{name}.json")
    found: dict[str, Any] = msgspec.json.decode(path.read_bytes())["event"]
    return found


async def test_events_reach_the_sink_in_order(peer: Peer) -> None:
    seen, venue = Seen(), adapter(peer)
    async with running(venue, seen):
        for name in (
            "ws-executionReport-market-1-new",
            "ws-executionReport-market-2-trade",
            "ws-listStatus",
            "ws-executionReport-market-5-outboundAccountPosition",
        ):
            await peer.emit(event(name))
        await seen.until(lambda: len(seen.user) == 4)
        _, new, trade, balances = seen.user
        assert isinstance(new, OrderReport)
        assert isinstance(trade, OrderReport)
        assert (new.fills, trade.fills[0].quantity) == ((), D(2))
        assert isinstance(balances, BalancesReport)
        user = next(h for h in venue.health() if h.name == "user")
        assert (user.state, user.messages) == ("live", 4)
    (subscribe,) = peer.calls(SUBSCRIBE)
    assert set(subscribe["params"]) == {"apiKey", "timestamp", "recvWindow", "signature"}


async def test_a_terminated_subscription_is_made_again_on_the_same_connection(peer: Peer) -> None:
    """F15: the event is a disconnect, and silence would be the only other sign."""
    seen, venue = Seen(), adapter(peer)
    async with running(venue, seen):
        await peer.emit(event("ws-eventStreamTerminated"))
        await seen.until(lambda: seen.ups() == 2)
        assert seen.words() == ["UserStreamUp", "UserStreamDown", "UserStreamUp"]
        await peer.emit(event("ws-executionReport-new"))
        await seen.until(lambda: len(seen.user) == 4)
    assert len(peer.api_sockets) == 1


async def test_a_server_that_shuts_down_is_left_without_a_gap(peer: Peer) -> None:
    seen, venue = Seen(), adapter(peer)
    async with running(venue, seen):
        await peer.api_sockets[0].send_json({"event": {"e": "serverShutdown", "E": 1}})
        await seen.until(lambda: seen.ups() == 2)
        assert seen.words() == ["UserStreamUp", "UserStreamUp"]
        assert not peer.api_sockets[0].closed
        await peer.emit(event("ws-executionReport-new"))
        await seen.until(lambda: len(seen.user) == 3)


async def test_a_garbled_event_makes_a_new_subscription(peer: Peer) -> None:
    """It may have been a fill: only a new subscription, with its reconciliation, brings that back."""
    seen, venue = Seen(), adapter(peer)
    async with running(venue, seen):
        await peer.api_sockets[0].send_str('{"subscriptionId":0,"event":{"e":"executionRep')
        await seen.until(lambda: seen.ups() == 2)
        assert seen.words() == ["UserStreamUp", "UserStreamDown", "UserStreamUp"]


@pytest.mark.parametrize("name", ["ws-balanceUpdate", "ws-externalLockUpdate"])
async def test_a_change_of_balance_fetches_the_whole(peer: Peer, name: str) -> None:
    seen, venue = Seen(), adapter(peer)
    answers = [rest_refused(-1001, "Internal error.", 500)] * 3 + [ok(ACCOUNT)]  # the client tries 3 times
    peer.rest["GET", "/api/v3/account"] = lambda q: answers.pop(0) if len(answers) > 1 else answers[0]
    answers[:] = [ok(ACCOUNT)]
    async with running(venue, seen):
        await peer.emit(event(name))
        await seen.until(lambda: any(isinstance(one, BalancesReport) for one in seen.user))
        assert any(isinstance(one, CashReport) for one in seen.user) is (name == "ws-balanceUpdate")
        report = seen.user[-1]
        assert isinstance(report, BalancesReport)
        assert report.complete
        assert report.balances[0].free == D("1.5")


async def test_a_refused_clock_while_subscribing_is_set(peer: Peer) -> None:
    replies = [refused(-1021, "Timestamp outside."), {"result": {"subscriptionId": 0}}]
    peer.api[SUBSCRIBE] = lambda r: replies.pop(0)
    seen, venue = Seen(), adapter(peer)
    async with running(venue, seen):
        assert len(peer.api_sockets) == 1
        assert len(peer.calls(SUBSCRIBE)) == 2


async def test_a_refused_key_shows_on_the_connection_and_is_tried_again(peer: Peer) -> None:
    replies = [refused(-2015, "Invalid API-key, IP, or permissions for action.", 401)]
    peer.api[SUBSCRIBE] = lambda r: replies.pop() if replies else {"result": {"subscriptionId": 0}}
    seen, venue = Seen(), adapter(peer)
    details: list[str] = []
    async with running(venue, seen, user=False):
        await peer.until(lambda: not replies)
        await seen.until(lambda: details.extend(h.detail for h in venue.health()) or seen.ups() == 1)
        assert len(peer.api_sockets) == 2


async def test_without_a_key_there_is_no_user_stream(peer: Peer) -> None:
    seen, venue = Seen(), adapter(peer, key=False)
    async with running(venue, seen, user=False):
        await peer.until(lambda: bool(peer.controls))
        assert peer.api_sockets == []
        assert {h.name for h in venue.health()}.isdisjoint({"user", "ws-api"})
