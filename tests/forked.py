"""Real processes of the portal that are there at once: forked from one that has imported everything, which takes seconds."""

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

ROOT = Path(__file__).parents[1]


class Forked:
    """A process that was started; ``parent`` tells how it ended."""

    def __init__(self, parent: "Parent", pid: int, output: Path) -> None:
        self.parent, self.pid, self.output = parent, pid, output

    def ended(self, timeout: float = 60) -> int:
        """Wait for the end and return the exit status, negative for a signal."""
        status = self.parent.ask(wait=self.pid, seconds=timeout)
        assert status is not None, f"process {self.pid} did not end: {self.errors()}"
        return status

    def errors(self) -> str:
        """Return what it logged."""
        return self.output.with_suffix(".err").read_text()

    def succeed(self, timeout: float = 60) -> str:
        """Wait for a good end and return what it printed."""
        assert self.ended(timeout) == 0, self.errors()
        return self.output.read_text()

    def kill(self) -> None:
        """End it as the operating system would."""
        os.kill(self.pid, signal.SIGKILL)
        assert self.ended() == -signal.SIGKILL


class Parent:
    """A process that runs ``script``, which calls `serve`, and forks another for each command it is asked for."""

    def __init__(self, script: Path, environment: Mapping[str, str], outputs: Path) -> None:
        self.outputs, self.started = outputs, 0
        path = os.pathsep.join(filter(None, [str(ROOT), *sys.path]))
        self.process = subprocess.Popen(
            [sys.executable, str(script)], env={**os.environ, **environment, "PYTHONPATH": path}, cwd=ROOT,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self) -> "Parent":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(timeout=10)

    def ask(self, **question: Any) -> Any:
        """Send one question and return the answer."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def start(self, *command: Any) -> Forked:
        """Run a command with its arguments, as texts, in a process of its own."""
        self.started += 1
        output = self.outputs / f"{self.started}.out"
        return Forked(self, self.ask(start=[str(part) for part in command], output=str(output)), output)


def serve(commands: Mapping[str, Callable[..., None]]) -> None:
    """Fork a process for each command that is asked for, until nobody asks any more."""
    for line in sys.stdin:
        question = json.loads(line)
        if "wait" in question:
            answer = _wait(question["wait"], question["seconds"])
        elif not (answer := os.fork()):
            _run(commands, question["start"], question["output"])
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _wait(pid: int, seconds: float) -> int | None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    return None


def _run(commands: Mapping[str, Callable[..., None]], command: list[str], output: str) -> NoReturn:
    status = 1
    try:
        for number, file in ((1, Path(output)), (2, Path(output).with_suffix(".err"))):
            os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), number)
        commands[command[0]](*command[1:])
        status = 0
    except BaseException:  # noqa: BLE001  (the test is told)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
