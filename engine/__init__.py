"""HOW IT IS TESTED: signals become fills, fills become equity, equity becomes metrics.

Here: simulation, costs and metrics for one symbol or thousands, with the semantics of vectorbt's
Portfolio and the stops that it lacks. `docs/engine.md` is the contract.
Not here: where bars come from, where results go, when anything runs. A notebook can use this
package alone.
"""
