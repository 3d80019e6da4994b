"""Portfolios: which symbols one account holds, how much of each, and what became of it.

Here: definitions, sizes, priorities, calendars, benchmarks, attribution.
Not here: fills and cash (`engine.account`), files of definitions (`resources.portfolios`).
"""
