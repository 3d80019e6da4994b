"""The project's definitions for a webserver in which tests make faults happen.

Files in its folder choose the faults. The provider rejects the symbols listed in `rejected`. The
run named in `hold` waits after the first part of its results, and writes the identifier of its
process into `held`. Where there is `hold_import`, the process of a run waits before it begins.
"""

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from pipelines.automation import retries
from pipelines.definitions import build_defs
from pipelines.resources import with_defaults
from resources.config.environment import EnvironmentSettings
from resources.run_artifacts.backtest_files import BacktestFiles
from tests.pipelines.overloaded import Overloaded

_write = BacktestFiles.write


def _write_and_hold(self: BacktestFiles, run_id: str, *rest: Any) -> None:
    _write(self, run_id, *rest)
    hold = Path("hold")
    if hold.exists() and hold.read_text() == run_id:
        Path("held").write_text(str(os.getpid()))
        while hold.exists():
            time.sleep(0.05)


while Path("hold_import").exists():
    time.sleep(0.05)
BacktestFiles.write = _write_and_hold  # pyright: ignore[reportAttributeAccessIssue]
retries.RETRY_DELAYS = (timedelta(0),)
_settings = EnvironmentSettings.from_environment(os.environ)
# As a default, not as a value: it is the configured source, and runs of it are no what-ifs.
_source = with_defaults(Overloaded, source=_settings.source, rejected="rejected")
defs = build_defs(_settings, {"market_data": _source})
