"""Score a set on a cluster of its own whose head is killed while parts are encoded.

Write the seconds from then on to the error, and its message.
"""

import os
import signal
import sys
import time

import numpy as np
import ray

import musc2
from musc2._cluster import session


def slow(pixels):
    """Take longer than the test."""
    time.sleep(120)
    return pixels


def main():
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    [head] = ray._private.worker._global_node.all_processes["gcs_server"]
    killed = []
    run = session.Session.run

    def run_and_kill(self, function, *arguments, **options):
        reference = run(self, function, *arguments, **options)
        if function.__name__ == "encode" and not killed:
            os.kill(head.process.pid, signal.SIGKILL)
            killed.append(time.monotonic())
        return reference

    session.Session.run = run_and_kill
    try:
        images = np.load(sys.argv[1])
        musc2.score(images, encoder_2d=slow, config=musc2.Config(input_size=48), cluster="ray")
    except musc2.errors.ClusterError as error:
        sys.stdout.write(f"{time.monotonic() - killed[0]:.1f} {error}")
        sys.stdout.flush()
    os._exit(0)  # Ray would wait for the head


if __name__ == "__main__":
    main()
