"""One module a family of commands, imported when it runs, so that small commands stay quick."""
