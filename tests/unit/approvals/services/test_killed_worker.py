"""A worker killed by the operating system neither executes a step twice nor loses one."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
SCRIPT = Path(__file__).with_name("killed_worker.py")


def run(phase: str, database: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, str(SCRIPT), phase, str(database)],
        env=environment, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("phase", "steps"),
    [
        pytest.param("die-before", ["failed", "succeeded"], id="killed before the call took effect"),
        pytest.param("die-after", ["succeeded"], id="killed between the call and its result"),
    ],
)
def test_a_killed_worker_leaves_one_move_of_the_alias(phase: str, steps: list[str], tmp_path: Path) -> None:
    database = tmp_path / "portal.sqlite3"
    built = run("build", database)
    assert built.returncode == 0, built.stderr[-3000:]
    assert run(phase, database).returncode == -9
    assert run("go-on", database).stdout.strip() == "succeeded"
    assert run("go-on", database).stdout.strip() == "verifying"
    seen = ast.literal_eval(run("report", database).stdout)
    assert seen == {"state": "verifying", "alias_moves": 1, "live": 1, "deployments": 1, "steps": steps}
