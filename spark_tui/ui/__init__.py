"""The cockpit. Only this room knows Textual; this file must not import it."""
