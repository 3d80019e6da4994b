"""Estimators and tests on arrays of returns, one concept per file; every function is pure.

Curves have shape (N, T): one row per trial, one column per bar. Sharpe ratios are per bar, not per
year, unless a name says otherwise.
"""
