"""What every request is."""

import msgspec


class Request(msgspec.Struct, frozen=True, kw_only=True, tag_field="op"):
    """Base of everything a face may ask."""
