"""The project's definitions for a webserver in which a test watches the processes of requests.

Files in its folder are how they talk, by the user of the request: a run writes what it is in
`<user>.began`, waits while there is `<user>.hold`, and ends with its imports in `<user>.ended`.
"""

import json
import os
import random
import sys
import time
from multiprocessing import util
from pathlib import Path
from typing import Any

import numpy as np

from assets.requests import handler, op
from pipelines.definitions import defs  # noqa: F401 - the code location

_validate = op.validate_request
_imported = set(sys.modules)


def _validate_when_allowed(spec: Any, *rest: Any) -> Any:
    seen = {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "random": [random.random(), np.random.random()],  # noqa: S311
        "edition": getattr(handler, "EDITION", None),
    }
    Path(f"{spec.user}.beginning").write_text(json.dumps(seen))
    Path(f"{spec.user}.beginning").rename(f"{spec.user}.began")
    while Path(f"{spec.user}.hold").exists():
        time.sleep(0.05)
    util.Finalize(None, _note_imports, [spec.user], exitpriority=1)
    return _validate(spec, *rest)


def _note_imports(user: str) -> None:
    new = [module for module in sys.modules if module not in _imported]
    Path(f"{user}.ending").write_text(json.dumps(new))
    Path(f"{user}.ending").rename(f"{user}.ended")


op.validate_request = _validate_when_allowed
