"""Who wants which stream. Publishing costs one look-up when nobody does."""

from collections.abc import Callable, Iterable
from typing import Protocol


class Subscriber(Protocol):
    """A stream connection. `combined` asks for frames wrapped in {"stream":..,"data":..}."""

    combined: bool

    def deliver(self, frame: bytes) -> None:
        """Queue a frame; never blocks, never raises."""
        ...

    async def eased(self) -> None:
        """Wait until most of what is queued has been read."""
        ...


class Hub:
    def __init__(self) -> None:
        self._streams: dict[str, dict[Subscriber, None]] = {}
        self.on_subscribe: list[Callable[[str], None]] = []
        self.disturb: Callable[[str, bytes], list[bytes]] | None = None  # what goes out in place of a frame
        self._hushed: dict[
            str, dict[Subscriber, bool]
        ] = {}  # who hears nothing; whether subscribing cures it

    def wants(self, stream: str) -> bool:
        return stream in self._streams

    def streams(self) -> Iterable[str]:
        return tuple(self._streams)

    def subscribers(self, stream: str) -> tuple[Subscriber, ...]:
        return tuple(self._streams.get(stream, ()))

    def subscribe(self, stream: str, subscriber: Subscriber) -> None:
        self._streams.setdefault(stream, {})[subscriber] = None
        hushed = self._hushed.get(stream)
        if hushed is not None and hushed.get(subscriber):
            del hushed[subscriber]
        for told in self.on_subscribe:
            told(stream)

    def unsubscribe(self, stream: str, subscriber: Subscriber) -> None:
        wanting = self._streams.get(stream)
        if wanting is None:
            return
        wanting.pop(subscriber, None)
        if not wanting:
            del self._streams[stream]

    def leave(self, subscriber: Subscriber) -> None:
        """Its connection has ended."""
        for hushed in self._hushed.values():
            hushed.pop(subscriber, None)

    def hush(self, stream: str, *, curable: bool) -> None:
        """Present subscribers hear nothing of it any more: until they subscribe anew where it is `curable`,
        else for as long as they are connected."""
        self._hushed.setdefault(stream, {}).update(dict.fromkeys(self.subscribers(stream), curable))

    def speak(self) -> None:
        """Nothing is hushed any more."""
        self._hushed.clear()

    def publish(self, stream: str, data: bytes, combined: bytes = b"") -> None:
        """Send one payload to everybody who wants the stream. `combined` is its wrapped form when that exists
        already (a recorded frame goes out as it came in)."""
        wanting = self._streams.get(stream)
        if wanting is None:
            return
        if self.disturb is not None:
            for frame in self.disturb(stream, data):
                self._send(wanting, stream, frame, combined if frame is data else b"")
            return
        self._send(wanting, stream, data, combined)

    def _send(self, wanting: dict[Subscriber, None], stream: str, data: bytes, combined: bytes) -> None:
        hushed = self._hushed.get(stream, ())
        for subscriber in tuple(wanting):
            if subscriber in hushed:
                continue
            if not subscriber.combined:
                subscriber.deliver(data)
                continue
            if not combined:
                combined = b'{"stream":"%b","data":%b}' % (stream.encode(), data)
            subscriber.deliver(combined)
