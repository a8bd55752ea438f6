"""What the account holds, what that is worth, what it earned, and whether the venue agrees.

The folds live in `domain.accounting` and `engine.accounts`; here they meet prices and the venue's balances.
"""

from spark_tui.engine.portfolio.portfolio import ACCOUNT_CURRENCY, Portfolio

__all__ = ["ACCOUNT_CURRENCY", "Portfolio"]
