"""The processes that together are the portal, and the supervisor that keeps them running."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0
GRACE_SECONDS = 12.0
PR_SET_PDEATHSIG = 1

_commands: dict[str, tuple[str, ...]] = {"worker": ("worker",), "scheduler": ("scheduler",)}
_preparations: list[Callable[[], None]] = []


def register(name: str, *arguments: str, prepare_demonstration: Callable[[], None] | None = None) -> None:
    """Have ``manage.py <arguments>`` run beside the web server; for apps that own a process.

    ``prepare_demonstration`` makes what an operator provides in production, such as a key; it runs at every start.
    """
    _commands[name] = arguments
    if prepare_demonstration is not None and prepare_demonstration not in _preparations:
        _preparations.append(prepare_demonstration)


def prepare_demonstration() -> None:
    """Run what processes need before their first start, outside of production."""
    for preparation in _preparations:
        preparation()


def commands() -> dict[str, tuple[str, ...]]:
    """The management commands of all background processes, by name."""
    return dict(_commands)


@dataclass
class Child:
    """One process that should be running."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    start_at: float = 0.0

    def start(self) -> None:
        """Start it in a group of its own, so that a Ctrl-C reaches it through the supervisor only."""
        self.started = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603  (the command is ours)
            self.arguments,
            env=dict(self.environment),
            process_group=0,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )

    def signal(self, number: int) -> None:
        """Send a signal to the process and all it started."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                return

    @property
    def is_running(self) -> bool:
        """Whether it is there."""
        return self.process is not None and self.process.poll() is None


def _end_with_parent() -> None:
    """Have the kernel end this process when the supervisor is killed, so that no child is left behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Supervisor:
    """Starts children, starts them again when they fall, ends them all."""

    say: Callable[[str], None]
    children: list[Child] = field(default_factory=list)
    stopping: bool = False

    def add(self, name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        """Add a child; it starts with the others."""
        self.children.append(Child(name, arguments, environment))

    def run(self, *, ready: Callable[[], bool], on_ready: Callable[[], None]) -> int:
        """Run until a signal comes; return the exit status. ``on_ready`` is called once, when ``ready`` says so."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        waiting = True
        try:
            while not self.stopping:
                self.look_after()
                if waiting and ready():
                    waiting = False
                    on_ready()
                if waiting and any(child.failures >= 5 for child in self.children):
                    self.say("A process could not be started; see the messages above.")
                    return 1
                time.sleep(0.1 if waiting else 0.25)
        finally:
            self.end()
        return 0

    def look_after(self) -> None:
        """Start what is not running, after a growing pause when it fell before."""
        now = time.monotonic()
        for child in self.children:
            if child.is_running:
                continue
            if child.process is not None:
                self._note_fall(child, now)
            if now >= child.start_at:
                child.start()

    def end(self) -> None:
        """End every child: politely first, then surely."""
        for child in self.children:
            child.signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        while any(child.is_running for child in self.children) and time.monotonic() < deadline:
            time.sleep(0.05)
        for child in self.children:
            child.signal(signal.SIGKILL)
            if child.process is not None:
                child.process.wait()

    def _note_fall(self, child: Child, now: float) -> None:
        code = child.process.returncode if child.process else 0
        child.process = None
        child.failures = 1 if now - child.started > STEADY_SECONDS else child.failures + 1
        pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (child.failures - 1))
        child.start_at = now + pause
        self.say(f"The {child.name} process ended with status {code}; starting it again in {pause:.0f} s.")

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True
