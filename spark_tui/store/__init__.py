"""What survives: the ledger of decisions and the tape of market frames."""
