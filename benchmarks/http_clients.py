"""A few keep-alive clients that call one server as fast as it answers."""

import http.client
import json
import socket
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

TCP_QUICKACK = getattr(socket, "TCP_QUICKACK", None)

Step = Callable[["Client", int], int]


class Client:
    """One connection that stays open; acknowledges at once, so that no figure contains a delayed acknowledgement."""

    def __init__(self, url: str, token: str) -> None:
        place = urlsplit(url)
        self.connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
        self.connection.connect()
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Send one request; anything but 200 or 201 ends the benchmark."""
        data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        self.connection.request(method, path, body=data, headers=self.headers)
        if TCP_QUICKACK is not None and self.connection.sock is not None:
            self.connection.sock.setsockopt(socket.IPPROTO_TCP, TCP_QUICKACK, 1)
        answer = self.connection.getresponse()
        payload = answer.read()
        if answer.status not in (200, 201):
            raise RuntimeError(f"{method} {path}: {answer.status} {payload[:300]!r}")
        return json.loads(payload or b"{}")


def per_second(
    url: str, token: str, step: Step, *, clients: int = 4, seconds: float = 3.0, rounds: int = 3
) -> float:
    """Return the median of a few rounds of calls per second with ``clients`` connections."""
    figures = []
    for round_number in range(rounds + 1):  # the first round warms caches up and is not counted
        figure = _round(url, token, step, clients, seconds if round_number else 1.0, round_number)
        if round_number:
            figures.append(figure)
    return statistics.median(figures)


def _round(url: str, token: str, step: Step, clients: int, seconds: float, round_number: int) -> float:
    done = [0] * clients
    failures: list[BaseException] = []
    barrier = threading.Barrier(clients + 1)

    def work(number: int) -> None:
        client = Client(url, token)
        barrier.wait()
        end = time.perf_counter() + seconds
        turn = round_number * 1_000_000 + number
        try:
            while time.perf_counter() < end:
                step(client, turn)
                done[number] += 1
                turn += clients
        except (RuntimeError, OSError, http.client.HTTPException) as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    barrier.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return sum(done) / (time.perf_counter() - start)
