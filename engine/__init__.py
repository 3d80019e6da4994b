"""HOW IT IS TESTED: signals become fills, fills become equity, equity becomes metrics.

Here: simulation and metrics on vectorbt's kernels, for one symbol or a batch.
Not here: where bars come from, where results go, when anything runs. A notebook can use this
package alone.
"""
