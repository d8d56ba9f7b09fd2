"""Addresses where no Ray cluster answers, and a head that goes away."""

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import parts
import pytest
from parts import score_small

import dying_tasks
from musc2._cluster import session
from musc2.errors import ClusterError


@pytest.fixture
def images(rng):
    return parts.images(rng, 21, defect=(4, 15, 30))


def test_an_address_that_does_not_answer(images):
    pytest.importorskip("ray")
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        start = time.monotonic()
        with pytest.raises(ClusterError, match=f"cluster '{address}' does not answer"):
            score_small(images, cluster=address)
    assert time.monotonic() - start < 10


def test_an_address_of_something_else_than_ray(images, monkeypatch):
    """It accepts connections and then says nothing, like a head that is stopped."""
    pytest.importorskip("ray")
    monkeypatch.setattr(session, "_ANSWER", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ClusterError, match=f"cluster '{address}' does not answer"):
            score_small(images, cluster=address)


@pytest.mark.long
def test_a_head_that_goes_away_is_an_error_within_20_seconds(images, tmp_path):
    """In a process of its own, which loses its cluster."""
    pytest.importorskip("ray")
    np.save(tmp_path / "images.npy", images)
    script = Path(dying_tasks.__file__).with_name("headless.py")
    command = [sys.executable, str(script), str(tmp_path / "images.npy")]
    environment = {**os.environ, "RAY_OVERRIDE_RESOURCES": '{"CPU": 2}'}
    result = subprocess.run(
        command, timeout=180, env=environment, capture_output=True, text=True, check=True
    )
    seconds, message = result.stdout.split(" ", 1)
    assert re.search(r"the head of the Ray cluster, .*, does not answer any more", message)
    assert float(seconds) < 20
