"""A quiet market sends nothing (protocol 10.6), and so does a dead stream: the venue is asked which it is.

There are two questions. A depth call is dear (weight 5 a symbol at Binance) and tells the venue's update
number: a book that stands at it is right in every level, however long ago that update was. The best prices of
all symbols are one cheap call (weight 4), and tell only the tops. So a few sleepers are proved by number each
time; of many the tops are compared every few seconds, and one after the other is proved by number, each
within two and a half minutes, or at once when its top is not what the book says. Nothing is asked about a
stream that is known to be dead, and never with more than a small share of the request budget.
"""

import asyncio
from math import inf

from spark_tui.domain.book import TRUST_S
from spark_tui.engine.market import Market
from spark_tui.engine.resync import ResyncQueue
from spark_tui.venues.port import Reaction, Venue, VenueError
from spark_tui.wire.clock import NS_PER_S, Clock

LEVELS = 5  # the cheapest call that tells the number
EVERY_S = 1.0
AT_ONCE = 20  # by number, in each second: after a reconnect all of them at the same time
FEW = 2  # sleepers that are proved by number each time
PACE = 0.5  # proofs by number a second, of many: 2.5 % of the budget at Binance
CYCLE_S = TRUST_S - 15.0  # in which each gets its turn, whatever it takes: an answer takes a moment
HALVES = 16  # questions in one comparison, at most
REFUSED_S = 60.0  # until a comparison that was refused for all is tried again
BEHIND_S = 5.0  # what the venue did so long ago, its stream should have brought
SHARE = 0.4  # of the budget that may be used before nobody is asked


class BookProof:
    """`run` is a service."""

    def __init__(self, venue: Venue, market: Market, resync: ResyncQueue, clock: Clock) -> None:
        self._venue = venue
        self._market = market
        self._resync = resync
        self._clock = clock
        self._asked_ns: dict[str, int] = {}  # by number
        self._asking: set[str] = set()
        self._comparing = False
        self._credit = 0.0  # proofs by number that are due
        self._suspects: set[str] = set()  # their top is not the venue's, or it does not tell
        self._untold: set[str] = set()  # it refuses to tell: not listed, until its number is told again
        self._compare_from_ns = 0
        self._ahead: dict[str, tuple[int, int]] = {}  # a number that the book has not reached, told when

    async def run(self) -> None:
        async with asyncio.TaskGroup() as questions:
            while True:
                await self._clock.sleep(EVERY_S)
                dead = self._dead()
                if dead is not None:
                    self._look(dead, questions)

    def _dead(self) -> set[str] | None:
        """Symbols whose own stream is down; None while nobody may be asked: the connection of the streams is
        lost, or the budget is for more important things first."""
        gauge, streams = self._venue.weight(), self._venue.health()
        spare = not gauge.limit or gauge.used <= SHARE * gauge.limit
        if not spare or not any(one.name == "market" and one.state == "live" for one in streams):
            return None
        return {one.symbol for one in streams if one.kind == "depth" and one.state == "down"}

    def _look(self, dead: set[str], questions: asyncio.TaskGroup) -> None:
        for symbol, market in self._market.symbols.items():
            if market.book.blank and symbol not in dead:
                self._resync.want(symbol)  # not one update since the subscription: nothing else asks for it
        books = {symbol: age_s for symbol, age_s in self._market.unproved().items() if symbol not in dead}
        asleep = {symbol: age_s for symbol, age_s in books.items() if age_s > self._market.soon_s}
        self._suspects &= asleep.keys()
        many, aging = len(asleep) > FEW, self._market.aging()
        for symbol in self._due(asleep) if many else self._in_turn(aging & asleep.keys()):
            self._asking.add(symbol)
            questions.create_task(self._prove(symbol))
        tops = self._comparable(books) if many else []
        if not aging.isdisjoint(tops):
            self._comparing = True
            questions.create_task(self._compare(tops))

    def _comparable(self, books: dict[str, float]) -> list[str]:
        """Whose tops may be asked for now: also of who is awake, for it may sleep the next moment. A book
        with an empty side has none; that one is proved by number alone, in its turn."""
        if self._comparing or self._clock.mono_ns() < self._compare_from_ns:
            return []
        proved = {symbol for symbol, age_s in books.items() if age_s <= TRUST_S and self._has_top(symbol)}
        return sorted(proved - self._suspects - self._untold)

    def _has_top(self, symbol: str) -> bool:
        return self._market.symbols[symbol].book.top() is not None

    def _due(self, asleep: dict[str, float]) -> list[str]:
        """Of many: who is suspect or was never proved, and others in turn, whatever becomes of the former.
        Who is not listed can wait for its turn."""
        urgent = self._suspects | {symbol for symbol, age_s in asleep.items() if age_s > TRUST_S}
        urgent -= self._untold
        others = asleep.keys() - urgent - self._asking
        self._credit = min(self._credit + max(PACE, len(asleep) / CYCLE_S), AT_ONCE)
        count = min(int(self._credit), len(others))
        self._credit -= count
        turn = sorted(others, key=lambda symbol: (-min(asleep[symbol], self._unasked_s(symbol)), symbol))
        return self._in_turn({*urgent, *turn[:count]})

    def _in_turn(self, symbols: set[str]) -> list[str]:
        """The longest unasked first; nobody again at once."""
        ready = [one for one in symbols - self._asking if self._unasked_s(one) > self._market.soon_s]
        return sorted(ready, key=lambda symbol: (-self._unasked_s(symbol), symbol))[:AT_ONCE]

    def _unasked_s(self, symbol: str) -> float:
        asked_ns = self._asked_ns.get(symbol)
        return inf if asked_ns is None else (self._clock.mono_ns() - asked_ns) / NS_PER_S

    async def _prove(self, symbol: str) -> None:
        asked_ns = self._asked_ns[symbol] = self._clock.mono_ns()
        try:
            snapshot = await self._venue.depth_snapshot(symbol, LEVELS)
        except VenueError:
            return  # it goes on ageing, and is asked about again
        finally:
            self._asking.discard(symbol)
        self._untold.discard(symbol)
        if self._market.confirm(symbol, snapshot.last_id, asked_ns):
            self._suspects.discard(symbol)
            return
        self._suspects.add(symbol)
        if self._fell_behind(symbol, snapshot.last_id):
            self._market.reload(symbol, "the venue moved on and no update came")

    def _fell_behind(self, symbol: str, last_id: int) -> bool:
        """An update may be on its way for a moment. One that never came is missed for ever: the stream that
        lost it was subscribed to anew, and is quiet now."""
        stands, now = self._market.symbols[symbol].book.update_id, self._clock.mono_ns()
        told, since_ns = self._ahead.pop(symbol, (stands, now))
        if told > stands and now - since_ns > BEHIND_S * NS_PER_S:
            return True
        if last_id > stands:
            self._ahead[symbol] = (told, since_ns) if told > stands else (last_id, now)
        return False

    async def _compare(self, symbols: list[str]) -> None:
        """Where one of them is refused, by halves: the others are not to suffer for it. First down to one, so
        that at least that one is known for the next time. If nobody answered on that way (neighbours are
        refused alike), the largest part next. Where every question is, it is not for a symbol's sake."""
        waiting, refused, answered = [symbols], set[str](), False
        try:
            for _ in range(HALVES):
                if not waiting:
                    break
                largest = refused and not answered
                asked, asked_ns = waiting.pop(0 if largest else -1), self._clock.mono_ns()
                try:
                    tops = await self._venue.tops(tuple(asked))
                except VenueError as error:
                    if error.reaction is not Reaction.DEFINITE_REJECT:
                        return  # they go on ageing, and are compared again
                    half = len(asked) // 2
                    waiting += [asked[:half], asked[half:]] if half else []
                    refused.update(() if half else asked)
                    continue
                answered = True
                same = {
                    top.symbol
                    for top in tops
                    if top.symbol in asked and self._market.confirm_top(top, asked_ns)
                }
                self._suspects.update(symbol for symbol in asked if symbol not in same)
            if answered:
                self._untold |= refused
            else:
                self._compare_from_ns = self._clock.mono_ns() + round(REFUSED_S * NS_PER_S)
        finally:
            self._comparing = False
