"""The shape of the link's frames and the number that both ends compare belong together."""

import hashlib
import json
from typing import Any

import msgspec

from spark_tui.link.messages import PROTOCOL, ClientFrame, ServerFrame

SHAPE = (5, "34850fe07fdf7520")  # PROTOCOL, and the digest of the frames that number stands for


def bare(schema: Any) -> Any:
    """Without docstrings, which do not travel. A field may be called `description`; that is no text."""
    if isinstance(schema, dict):
        return {
            name: bare(value)
            for name, value in schema.items()
            if not (name == "description" and isinstance(value, str))
        }
    return [bare(one) for one in schema] if isinstance(schema, list) else schema


def digest(*frames: Any) -> str:
    """Of every message, field, type and default that can travel."""
    text = json.dumps([bare(msgspec.json.schema(frame)) for frame in frames], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def test_the_shape_of_frames_and_PROTOCOL_change_together() -> None:
    found = digest(ClientFrame, ServerFrame)
    assert (PROTOCOL, found) == SHAPE, (
        f"The frames of the link have another shape than PROTOCOL {SHAPE[0]} stands for. An engine outlives"
        " its faces through an update, and must refuse a face that would misread it: raise PROTOCOL in"
        f' link/messages/frames.py by one, and set SHAPE here to (that number, "{found}").'
    )


def test_a_digest_sees_a_field_and_no_docstring() -> None:
    def shape(said: str, **fields: type) -> str:
        return digest(msgspec.defstruct("Row", list(fields.items()), namespace={"__doc__": said}, tag="row"))

    assert shape("one", name=str) == shape("two", name=str)
    assert shape("one", name=str) != shape("one", name=int)
    assert shape("one", name=str) != shape("one", name=str, whose=str)
    assert shape("one", name=str) != shape("one", name=str, description=str)
