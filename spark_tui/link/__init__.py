"""The one door between the engine and its faces."""
