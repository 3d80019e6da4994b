"""WHAT EXISTS: prices, backtests, summaries, leaderboard, and the checks that judge them.

Here: asset bodies that gather inputs, call the packages below and report metadata.
Not here: computation (engine), storage (resources), schedules and definitions (pipelines).
"""
