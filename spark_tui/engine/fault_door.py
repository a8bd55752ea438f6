"""The way to the simulator's faults: POST and DELETE /sim/v1/faults of a loopback venue."""

import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec

from spark_tui.venues.port import Reaction, VenueError

_TIMEOUT_S = 5.0


class Armed(msgspec.Struct, frozen=True):
    """A fault that is armed at the simulator, and how often it has happened. A spent one leaves the list when
    the next is armed."""

    verb: str
    fired: int


class _Answer(msgspec.Struct, frozen=True):
    armed: tuple[Armed, ...]


FaultDoor = Callable[[str, dict[str, Any] | None], Awaitable[tuple[Armed, ...]]]
"""One request to the simulator's faults: HTTP method and JSON body; what is armed then. Raises VenueError."""


def fault_door(rest_base: str) -> FaultDoor | None:
    """None for any host but a loopback address."""
    host = urlsplit(rest_base).hostname or ""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not loopback:
        return None

    async def door(method: str, body: dict[str, Any] | None) -> tuple[Armed, ...]:
        import httpx  # no engine but one that drills needs a client here

        content = msgspec.json.encode(body) if body is not None else None
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=_TIMEOUT_S) as client:
                answer = await client.request(method, f"{rest_base}/sim/v1/faults", content=content)
        except httpx.HTTPError as error:
            text = f"The simulator's faults cannot be reached ({type(error).__name__}); is it running?"
            raise VenueError(Reaction.RETRY_SAFE, "NO_FAULTS", text) from None
        if answer.status_code != 200:
            raise VenueError(
                Reaction.DEFINITE_REJECT, "NO_FAULT", f"The simulator refused: {answer.text[:300]}"
            )
        return msgspec.json.decode(answer.content, type=_Answer).armed

    return door
