"""Locks that a forked child does not find held by a thread that it does not have."""

from __future__ import annotations

import os
import threading
from weakref import WeakSet

from musc2.errors import MuscError


class Lock:
    """A reentrant lock; in a forked child it is free unless the forking thread holds it.

    user: names what the lock guards where a thread that held it at the fork may have left it half
    changed; entering the lock is an error then. None: the child goes on.
    """

    def __init__(self, user: str | None = None) -> None:
        self._lock = threading.RLock()
        self._user = user
        self._is_half_changed = False
        _locks.add(self)

    def __enter__(self) -> None:
        if self._is_half_changed:
            msg = (
                f"{self._user}: another thread was using it when this process was forked, so it "
                "may be half changed here; fork before, or make another in the child"
            )
            raise MuscError(msg)
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def renew(self) -> None:
        """Replace the lock in a child if a thread that is not there holds it."""
        if self._lock.acquire(blocking=False):
            self._lock.release()
            return
        self._lock = threading.RLock()
        self._is_half_changed = self._user is not None


_locks: WeakSet[Lock] = WeakSet()


def _renew_all() -> None:
    for lock in list(_locks):
        lock.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
