"""What commands that execute runs load."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
import sys
import numpy as np
from pipelines.cli import run_command
run_command._import_talib()
print("pandas" in sys.modules)
import pandas as pd
run_command._import_talib()
import talib
print(talib.SMA(np.arange(4.0), 2).tolist(), pd.Series([1]).sum())
"""


def test_talib_is_imported_without_pandas_which_can_be_later():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["False", "[nan, 0.5, 1.5, 2.5] 1"]
