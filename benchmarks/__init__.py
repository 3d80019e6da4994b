"""HOW FAST IT IS: one benchmark per file, each with its limits.

Here: comparisons in one process, timed against a named baseline, and the page made from them.
Not here: whether results are right; that is what tests are for.

`make bench` runs all of them and rewrites docs/benchmarks.md. Run one alone with
``python -m benchmarks.engine.vectorbt_baseline`` and the like; each has ``--help``.
"""

import os

# Both sides of a comparison get one thread for linear algebra. The variables must be set before
# NumPy is imported, and this file is imported before any other module of this package.
for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
