"""HOW FAST IT IS: each file of a room asks one question and holds its limits.

Here: timed comparisons in one process against a named rival, and the page made of them.
Not here: whether results are right, which is what tests are for.

`make bench` runs all of them and rewrites docs/benchmarks.md; one alone is run by
``python -m benchmarks.engine.vectorbt_baseline`` and the like, each with ``--help``.
"""

import os

# Both sides of a comparison get one thread for linear algebra. It has to be said before NumPy
# is imported, and this file is imported before anything of this package.
for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
