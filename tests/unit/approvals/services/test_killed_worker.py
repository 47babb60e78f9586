"""A worker killed by the operating system neither executes a step twice nor loses one."""

import ast
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.forked import Parent

SCRIPT = Path(__file__).with_name("killed_worker.py")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Parent, Path, Path]]:
    """Return a parent of workers, the database they work on, and a copy of it from before any of them began."""
    folder = tmp_path_factory.mktemp("killed")
    database = folder / "portal.sqlite3"
    with Parent(SCRIPT, {"DATABASE_URL": f"sqlite:///{database}"}, folder) as parent:
        parent.start("build").succeed(timeout=180)
        yield parent, database, shutil.copy(database, folder / "before.sqlite3")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("phase", "steps"),
    [
        pytest.param("die-before", ["failed", "succeeded"], id="killed before the call took effect"),
        pytest.param("die-after", ["succeeded"], id="killed between the call and its result"),
    ],
)
def test_a_killed_worker_leaves_one_move_of_the_alias(
    phase: str, steps: list[str], built: tuple[Parent, Path, Path]
) -> None:
    parent, database, before = built
    for journal in database.parent.glob("portal.sqlite3-*"):
        journal.unlink()  # of the worker that was killed before
    shutil.copy(before, database)
    assert parent.start(phase).ended() == -9
    assert parent.start("go-on").succeed() == "succeeded"
    assert parent.start("go-on").succeed() == "verifying"
    seen = ast.literal_eval(parent.start("report").succeed())
    assert seen == {"state": "verifying", "alias_moves": 1, "live": 1, "deployments": 1, "steps": steps}
