"""How far the result of a strategy hangs on luck, costs, days and parameters: one test per file.

What is looked at is the strategy with the parameters of the run, as its residual curve over the
universe: daily returns beyond beta times those of the equal-weight universe.
"""
