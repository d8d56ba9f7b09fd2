"""A connection to a Ray cluster: start or find it, run functions there, notice that it is gone."""

from __future__ import annotations

import importlib.util
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from musc2._cluster import worker
from musc2.errors import ClusterError

OP = "score"
_RETRIES = 5  # of a task whose worker died
_ANSWER = 5.0  # seconds for an address to answer
_BETWEEN = 2.0  # seconds between two looks at the head
_MISSES = 3  # looks in a row without an answer: the head is gone
_HEADER, _KIND, _SETTINGS = 9, 3, 4  # bytes of the header of a frame of HTTP/2, and one of them
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, _SETTINGS, 0, 0, 0, 0, 0])


@contextmanager
def connected(cluster: str) -> Iterator[Session]:
    """Yield a session; a cluster that was started for it ends with it.

    "ray" is the cluster that this process is connected to, else that of RAY_ADDRESS, else a new one
    on this machine.
    """
    if importlib.util.find_spec("ray") is None:
        msg = f"{OP}: cluster needs Ray, which is not installed: pip install 'musc2[ray]'"
        raise ClusterError(msg)
    import ray

    was_connected = ray.is_initialized()
    if cluster != "ray":
        _check_answer(cluster)
    if not was_connected:
        try:
            ray.init(
                address=None if cluster == "ray" else cluster,
                include_dashboard=False if cluster == "ray" else None,
                log_to_driver=False,
                logging_level=logging.WARNING,
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            msg = f"{OP}: cluster {cluster!r} cannot be used: {error}"
            raise ClusterError(msg) from error
    session = Session(ray)
    try:
        session.check_versions()
        yield session
    finally:
        if not was_connected and not session.is_gone:  # it would wait for the head
            ray.shutdown()


class Session:
    """Runs functions of ``encoding`` and ``comparing`` on a cluster."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self.is_gone = False
        self._head = str(ray.get_runtime_context().gcs_address)
        self._call = ray.remote(num_cpus=1, max_retries=_RETRIES)(worker.call)

    @property
    def workers(self) -> int:
        """Return the number of tasks that run at once."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    @property
    def threads(self) -> int:
        """Return the number of tasks that run at once on the smallest node that runs any."""
        counts = [node["Resources"].get("CPU", 0) for node in self._ray.nodes() if node["Alive"]]
        return max(1, int(min(filter(None, counts), default=1)))

    def run(
        self, function: Callable[..., Any], *arguments: Any, returns: int = 1, threads: int = 1
    ) -> Any:
        """Return the reference to what a function will return, with ``returns`` a list of them.

        Arguments may be references. The function must give the same when it is called again.
        threads: of its kernels, more than one while nothing else is to be done.
        """
        task = self._call.options(num_returns=returns, name=function.__name__)
        return task.remote(threads, function, *arguments)

    def put(self, value: object) -> Any:
        """Return a reference to a value that all workers can get."""
        return self._ray.put(value)

    def get(self, references: Sequence[Any]) -> list[Any]:
        """Return the values when all are ready; an error of a function is raised as it was."""
        errors = self._ray.exceptions
        pending, seen, misses = list(references), time.monotonic(), 0
        while pending:
            _, pending = self._ray.wait(
                pending, num_returns=len(pending), timeout=_BETWEEN, fetch_local=False
            )
            if pending and time.monotonic() - seen >= _BETWEEN:
                misses = 0 if _answers(self._head, _BETWEEN) else misses + 1
                seen = time.monotonic()
            if misses >= _MISSES:
                self.is_gone = True
                msg = f"{OP}: the head of the Ray cluster, {self._head}, does not answer any more"
                raise ClusterError(msg)
        try:
            return list(self._ray.get(list(references)))
        except errors.RayTaskError as error:
            raise error.cause from None
        except errors.RayError as error:
            first = str(error).splitlines()[0] if str(error) else ""
            msg = f"{OP}: the Ray cluster failed: {type(error).__name__}: {first}"
            raise ClusterError(msg) from error

    def check_versions(self) -> None:
        """Raise unless musc2, torch and numpy have this process's versions on all nodes."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        own = versions()
        nodes = [node for node in self._ray.nodes() if node["Alive"]]
        pending = []
        for node in nodes:
            affinity = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            call = self._call.options(num_cpus=0, scheduling_strategy=affinity)
            pending.append(call.remote(1, worker.versions))
        for node, installed in zip(nodes, self.get(pending), strict=True):
            for name, value in own.items():
                if installed[name] != value:
                    node_name = f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
                    msg = (
                        f"{OP}: {name} must have the same version on all nodes of the cluster: "
                        f"{value} here, {installed[name]} on {node_name}"
                    )
                    raise ClusterError(msg)


def versions() -> dict[str, str]:
    """Return the versions that the results depend on."""
    return worker.versions()


def _check_answer(address: str) -> None:
    if not _answers(address, _ANSWER):
        msg = f"{OP}: cluster {address!r} does not answer within {_ANSWER:g} seconds"
        raise ClusterError(msg)


def _answers(address: str, timeout: float) -> bool:
    """Return whether a server of gRPC, as the head of a cluster is one, answers at HOST:PORT.

    It greets a client with its settings, also one that cannot log in. With TLS it waits for a key.
    """
    host, _, port = address.rpartition(":")
    with suppress(OSError, OverflowError):
        with socket.create_connection((host, int(port)), timeout=timeout) as connection:
            if os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true"):
                return True
            connection.sendall(_GREETING)
            header = connection.recv(_HEADER)
        return len(header) > _KIND and header[_KIND] == _SETTINGS
    return False
