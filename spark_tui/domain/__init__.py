"""Values and pure rules: instrument, order, book, account, risk. No I/O, clock, randomness or float money."""
