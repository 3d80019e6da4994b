"""One account that trades many symbols: fills at the open after the decision, cash, equity.

Here: the market that an account trades, the rules that it is given, its orders bar by bar, and what
became of it. What costs are is for `engine.costs`; what is bought, and how much, decides
`research.portfolio`.
"""
