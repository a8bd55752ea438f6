"""How Binance wants a request signed; REST and the WebSocket API differ (protocol section 3).

REST (rule of 2026-01-15): percent-encode first, sign exactly those bytes, append the signature last.
WebSocket API: parameters sorted by name, `name=value` joined with `&`, raw UTF-8, no percent-encoding.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol
from urllib.parse import quote, urlencode

Value = str | int
Params = Iterable[tuple[str, Value]]


class Signer(Protocol):
    """An API key that can sign. `sign` returns the text Binance expects: hex (HMAC) or base64 (Ed25519)."""

    @property
    def api_key(self) -> str: ...

    def sign(self, payload: bytes) -> str: ...


def rest_payload(params: Params) -> str:
    """The percent-encoded text that is both signed and sent, in the order given."""
    return urlencode(tuple(params), quote_via=quote, safe="")


def signed_query(params: Params, signer: Signer) -> str:
    """The complete query string of a signed REST call; send it byte for byte."""
    payload = rest_payload(params)
    signature = quote(signer.sign(payload.encode("ascii")), safe="")
    return f"{payload}&signature={signature}"


def unsigned(query: str) -> str:
    """A query string without its signature, which always comes last."""
    return query.rpartition("&signature=")[0] or query


def ws_payload(params: Mapping[str, Value]) -> str:
    """What is signed on the WebSocket API: every parameter but `signature`, sorted by name."""
    return "&".join([f"{name}={params[name]}" for name in sorted(params)])


def signed_params(params: Mapping[str, Value], signer: Signer) -> dict[str, Value]:
    """`params` with `apiKey` and `signature`, ready to be a WebSocket API request's `params`."""
    full: dict[str, Value] = {**params, "apiKey": signer.api_key}
    full["signature"] = signer.sign(ws_payload(full).encode())
    return full
