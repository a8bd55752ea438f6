"""Words that came from elsewhere, made fit for one line of a terminal."""


def one_line(text: str) -> str:
    """Whatever could move the cursor, break the line or turn its direction becomes a space: a name or a
    reason must not look like a row of its own."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else " " for character in text)
