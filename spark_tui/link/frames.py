"""Frames of the remote link as bytes: one msgpack object a WebSocket message, either way."""

import msgspec

from spark_tui.link.messages import ClientFrame, Failure, ServerFrame
from spark_tui.link.service import LinkError

MAX_CLIENT_FRAME = 64 * 1024  # bytes; a request is a few hundred
MAX_SERVER_FRAME = 32 * 1024 * 1024  # bytes; the largest is a snapshot of every instrument

_client: msgspec.msgpack.Decoder[ClientFrame] = msgspec.msgpack.Decoder(ClientFrame)
_server: msgspec.msgpack.Decoder[ServerFrame] = msgspec.msgpack.Decoder(ServerFrame)
_encoder = msgspec.msgpack.Encoder()


def encode(frame: ClientFrame | ServerFrame) -> bytes:
    return _encoder.encode(frame)


def decode_client(raw: bytes | str) -> ClientFrame:
    """Raises LinkError BAD_FRAME."""
    try:
        return _client.decode(_binary(raw))
    except msgspec.MsgspecError as error:
        raise LinkError("BAD_FRAME", f"The engine could not read a request: {error}.") from error


def decode_server(raw: bytes | str) -> ServerFrame:
    """Raises LinkError BAD_FRAME."""
    try:
        return _server.decode(_binary(raw))
    except msgspec.MsgspecError as error:
        raise LinkError("BAD_FRAME", f"The engine's answer could not be read: {error}.") from error


def _binary(raw: bytes | str) -> bytes:
    return raw if isinstance(raw, bytes) else raw.encode()


def as_error(failure: Failure) -> LinkError:
    return LinkError(failure.code, failure.text)
