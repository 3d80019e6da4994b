"""Runs whose process was killed are found by the next command, and living ones never."""

import signal
from pathlib import Path

import dagster as dg
import psutil
import pytest

from resources.run_processes.dead_runs import end_dead_runs
from tests.pipelines.cli.command import ROOT, lay_out, start_main_job

SYMBOLS = ["AAPL", "MSFT"]
HELD_WITHIN = 120.0
HOLD = """
import time
from pathlib import Path
from resources.run_artifacts.backtest_files import BacktestFiles
def write(self, *rest): Path('held').touch(); time.sleep(600)
BacktestFiles.write = write
"""
