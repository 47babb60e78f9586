"""The supervisor with real processes: it starts them, starts them again, and ends every one."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
SUPERVISE = """
import sys
from mlops_portal.foundation.work.processes import Supervisor
supervisor = Supervisor(lambda text: print(text, flush=True))
for number in range(2):
    supervisor.add(f"child {number}", [sys.executable, "-c", sys.argv[1]], {"PIDS": sys.argv[2]})
sys.exit(supervisor.run(ready=lambda: True, on_ready=lambda: print("Ready", flush=True)))
"""
CHILD = """
import os, subprocess, sys, time
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
with open(os.environ["PIDS"], "a") as pids:
    pids.write(f"{os.getpid()} {grandchild.pid}\\n")
time.sleep(60)
"""


@pytest.fixture
def supervise(tmp_path):
    started = []

    def start(child):
        pids = tmp_path / "pids"
        command = [sys.executable, "-c", SUPERVISE, child, str(pids)]
        root = Path(__file__).resolve().parents[4]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root)
        started.append(process)
        assert process.stdout.readline() == "Ready\n"
        return process, pids

    yield start
    for process in started:
        process.terminate()  # it ends its children; killed, it would leave them with the pipe in their hands
        process.wait(timeout=15)
        process.stdout.close()


def lines_of(pids, count):
    for _ in range(300):
        lines = pids.read_text().splitlines() if pids.exists() else []
        if len(lines) >= count:
            return [list(map(int, line.split())) for line in lines]
        time.sleep(0.05)
    pytest.fail(f"only {len(lines)} of {count} children reported")


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def gone(pids, seconds=5):
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(map(is_alive, pids)):
        time.sleep(0.05)
    return not any(map(is_alive, pids))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name
)
def test_a_signal_ends_children_and_what_they_started(supervise, number):
    process, pids = supervise(CHILD)
    everybody = [pid for line in lines_of(pids, 2) for pid in line]
    process.send_signal(number)
    assert process.wait(timeout=15) == 0
    assert gone(everybody)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_a_child_that_falls_is_started_again(supervise):
    process, pids = supervise(CHILD)
    (first, grandchild), _ = lines_of(pids, 2)
    os.kill(first, signal.SIGKILL)
    again = lines_of(pids, 3)
    assert is_alive(again[2][0])
    assert "starting it again in 1 s" in process.stdout.readline()
    os.kill(grandchild, signal.SIGKILL)


@pytest.mark.skipif(
    sys.platform != "linux", reason="the kernel of Linux tells children that their parent died"
)
def test_children_end_when_the_supervisor_itself_is_killed(supervise):
    process, pids = supervise(CHILD)
    children = lines_of(pids, 2)
    process.kill()
    process.wait()
    assert gone([child for child, _ in children])
    for _, grandchild in children:
        os.kill(grandchild, signal.SIGKILL)
