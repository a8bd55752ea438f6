"""The way to the simulator's faults: POST and DELETE /sim/v1/faults of a loopback venue."""

import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec

from spark_tui.venues.port import Reaction, VenueError

_TIMEOUT_S = 5.0


def fault_door(rest_base: str) -> Callable[[str, dict[str, Any] | None], Awaitable[None]] | None:
    """None for any host but a loopback address."""
    host = urlsplit(rest_base).hostname or ""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not loopback:
        return None

    async def door(method: str, body: dict[str, Any] | None) -> None:
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

    return door
