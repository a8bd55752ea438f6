"""A venue without sockets and without a crowd, driven call by call on a hand-moved clock."""

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

from spark_tui.simulator.accounts import Account
from spark_tui.simulator.fixed import SCALE, notional, parse
from spark_tui.simulator.market import Market
from spark_tui.simulator.matching import CROWD, Resting
from spark_tui.simulator.rest import Reply, RestFace
from spark_tui.simulator.simulation import Simulation
from spark_tui.simulator.symbols import listed
from spark_tui.simulator.ws_api import WsApiSession

START_MS = 1_795_000_000_000
KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
ADDRESS = "127.0.0.1"


class FakeConnection:
    """Stands for a WebSocket: keeps what it was given."""

    def __init__(self) -> None:
        self.combined = False
        self.frames: list[bytes] = []

    def deliver(self, frame: bytes) -> None:
        self.frames.append(frame)

    async def eased(self) -> None:
        return

    def take(self) -> list[Any]:
        """Everything delivered since the last look, decoded."""
        frames, self.frames = self.frames, []
        return [json.loads(frame) for frame in frames]


class Rig:
    """`call` speaks REST, `ask` the WebSocket API, both signed by the operator's key unless told not to."""

    def __init__(self, *, seed: int | None = None) -> None:
        self.wall_ns = START_MS * 1_000_000
        self.simulation = Simulation(wall_ns=lambda: self.wall_ns)
        self.simulation.issue_hmac_key(KEY, SECRET)
        if seed is not None:
            self.simulation.populate(seed, START_MS)
        else:
            for symbol in listed():
                self.simulation.add_market(
                    Market(symbol, self.simulation.publisher, update_id=1_000, trade_id=500, agg_id=100)
                )
        self.exchange = self.simulation.exchange
        self.account = self.simulation.operator
        self.rest = RestFace(self.simulation)
        self.user = FakeConnection()
        self.session = self.open_session(self.user)
        self._crowd_id = -1_000_000_000

    def open_session(self, connection: FakeConnection, *, show_limits: bool = False) -> WsApiSession:
        return WsApiSession(connection, self.simulation, ADDRESS, show_limits=show_limits)  # type: ignore[arg-type]

    # time

    @property
    def now_ms(self) -> int:
        return self.wall_ns // 1_000_000

    def pass_ms(self, ms: int) -> None:
        self.wall_ns += ms * 1_000_000

    # the crowd, by hand

    def quote(self, side: str, price: str, quantity: str, symbol: str = "BTCUSDT") -> Resting:
        self._crowd_id -= 1
        order = Resting(
            id=self._crowd_id, owner=CROWD, buy=side == "BUY", price=parse(price), leaves=parse(quantity)
        )
        self.exchange.market(symbol).book.add(order)
        return order

    def hit(self, side: str, price: str, quantity: str, symbol: str = "BTCUSDT") -> None:
        """The crowd takes."""
        self._crowd_id -= 1
        taker = Resting(
            id=self._crowd_id, owner=CROWD, buy=side == "BUY", price=parse(price), leaves=parse(quantity)
        )
        self.exchange.crowd_take(self.exchange.market(symbol), taker, parse(price), self.now_ms)

    def ladder(self, symbol: str = "BTCUSDT", middle: int = 67_000) -> None:
        """Ten levels a side, one unit apart, 0.1 each, and a last trade in the middle."""
        for step in range(1, 11):
            self.quote("BUY", str(middle - step), "0.1", symbol)
            self.quote("SELL", str(middle + step), "0.1", symbol)
        self.exchange.market(symbol).last_price = middle * SCALE

    # requests

    def call(
        self, method: str, path: str, *, sign: bool = True, key: str | None = KEY, **params: Any
    ) -> tuple[int, Any, dict[str, str]]:
        """(status, body, headers) of a REST call with its parameters in the query string."""
        if sign:
            params.setdefault("timestamp", self.now_ms)
        query = urlencode(params)
        if sign:
            query += f"&signature={self.sign(query)}"
        return self.raw(method, path, query.encode(), key=key if sign else None)

    def raw(
        self, method: str, path: str, query: bytes = b"", body: bytes = b"", *, key: str | None = KEY
    ) -> tuple[int, Any, dict[str, str]]:
        headers = {"X-MBX-APIKEY": key} if key is not None else {}
        reply: Reply = self.rest.handle(method, "/api/v3/" + path, query, body, headers, ADDRESS)
        return reply.status, json.loads(reply.body) if reply.body else None, reply.headers

    @staticmethod
    def sign(payload: str) -> str:
        return hmac.new(SECRET.encode(), payload.encode(), hashlib.sha256).hexdigest()

    def signed(self, **params: Any) -> dict[str, Any]:
        """Parameters for a signed WebSocket API request."""
        params = {"apiKey": KEY, "timestamp": self.now_ms} | params
        payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
        return params | {"signature": self.sign(payload)}

    def ask(
        self, method: str, *, sign: bool = True, session: WsApiSession | None = None, **params: Any
    ) -> Any:
        """The decoded reply of a WebSocket API request."""
        values = self.signed(**params) if sign else params
        frame = json.dumps({"id": 1, "method": method, "params": values}, ensure_ascii=False).encode()
        return json.loads((session or self.session).handle(frame))

    def place(self, **params: Any) -> Any:
        """Place an order on BTCUSDT and return the reply's result; AssertionError when it is refused."""
        reply = self.ask("order.place", **({"symbol": "BTCUSDT"} | params))
        assert reply["status"] == 200, reply
        return reply["result"]

    def limit(self, side: str, price: str, quantity: str, **more: Any) -> Any:
        values = {"type": "LIMIT", "timeInForce": "GTC", "price": price, "quantity": quantity}
        return self.place(side=side, **(values | more))

    def refused(self, **params: Any) -> tuple[int, str]:
        """(code, text) of an order the venue refuses."""
        reply = self.ask("order.place", **({"symbol": "BTCUSDT"} | params))
        assert reply["status"] != 200, reply
        return reply["error"]["code"], reply["error"]["msg"]

    def follow(self) -> None:
        """Subscribe `user` to the account's events."""
        assert self.ask("userDataStream.subscribe.signature")["status"] == 200

    def events(self) -> list[dict[str, Any]]:
        return [frame["event"] for frame in self.user.take()]

    # invariants

    def check_books(self) -> None:
        """Nothing is owed twice: locks are what open orders and lists need, nobody is below zero, and the
        books show and hide what their orders do."""
        for account in self.exchange.accounts.values():
            self._check_account(account)
        for market in self.exchange.markets.values():
            for side in (market.book.bids, market.book.asks):
                for level in side.values():
                    assert level.quantity == sum(order.leaves for order in level.orders.values())
                    assert level.hidden == sum(order.hidden for order in level.orders.values())
                    assert all(order.leaves > 0 for order in level.orders.values())

    def _check_account(self, account: Account) -> None:
        """An order holds what its rest may cost; a pending leg nothing; an OCO's two legs the larger need."""
        held: dict[str, int] = {}
        shared: dict[int, list[int]] = {}
        for order in self.exchange.stores[account.uid].open():
            symbol = self.exchange.market(order.symbol).symbol
            left = order.quantity - order.filled - order.prevented
            assert order.remaining == left
            assert not order.peak or order.working_ms < 0 or order.leaves <= order.peak
            need = notional(order.price or order.stop_price or order.lock_price, left) if order.buy else left
            found = self.exchange.list_of(order)
            if order.status == "PENDING_NEW":
                assert order.reserved == 0
            elif found is not None and found.executing and found.working_id == 0:
                shared.setdefault(found.id, []).append(need)
                shared.setdefault(-found.id, []).append(order.reserved)
            else:
                assert order.reserved == need
            asset = symbol.quote if order.buy else symbol.base
            held[asset] = held.get(asset, 0) + order.reserved
        for list_id, needs in shared.items():
            if list_id > 0:
                assert len(needs) == 2
                assert sum(shared[-list_id]) == max(needs)
        for asset, balance in account.balances.items():
            assert balance.free >= 0, asset
            assert balance.locked == held.get(asset, 0), asset
