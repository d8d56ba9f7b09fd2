"""Fuzz a reader guided by coverage: `python tests/attacks/fuzz_readers.py image --seconds 60`.

Needs atheris (`pip install atheris`). An input that is neither read nor refused by a MuscError
ends the run; it is written to the folder --found.
"""

import argparse
import contextlib
import sys
import tempfile
import warnings
from pathlib import Path

import atheris

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/attacks")]
PACKAGES = ["musc2", "tifffile", "PIL", "torch._weights_only_unpickler", "torch.serialization"]
with atheris.instrument_imports(include=PACKAGES):
    import test_readers
    import weight_files

    import musc2
    from musc2.encoders import point_mae

LONGEST = 1 << 14  # bytes of an input
SECONDS_OF_ONE = 20
MEGABYTES = 4096


def seeds(corpus, folder):
    """Write the files of a corpus, each after a byte that tells which of the names it has."""
    folder.mkdir()
    for number, (name, data) in enumerate(corpus.items()):
        (folder / name).write_bytes(bytes([number]) + data)


def reading(read, names, folder):
    """Return a function that reads an input under the name that its first byte tells."""

    def read_one(data):
        path = folder / names[data[0] % len(names) if data else 0]
        path.write_bytes(data[1:])
        with contextlib.suppress(musc2.errors.MuscError):
            read(path)

    return read_one


def weights_of_one_network():
    """Make point-mae once, not for every file; return seeds that know its keys."""
    network = point_mae.PointTransformer()
    point_mae.PointTransformer = lambda: network
    return weight_files.seeds(list(network.state_dict()))


def in_parts(data, most, seed):
    """Return a changed input; every fourth is changed without regard to the format."""
    if seed % 4 == 0 or len(data) < 2:
        return atheris.Mutate(data, most)
    changed = weight_files.mutated(data[1:], seed, atheris.Mutate)
    return (data[:1] + changed)[:most]


def main():
    parser = argparse.ArgumentParser(description="Fuzz a reader, guided by coverage.")
    parser.add_argument("reader", choices=test_readers.READERS)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--found", type=Path, default=Path.cwd())
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    read, make_corpus = test_readers.READERS[arguments.reader]
    folder = Path(tempfile.mkdtemp(prefix="musc2-fuzz-"))
    (folder / "read").mkdir()
    with atheris.instrument_imports(include=PACKAGES):  # a reader imports its modules on first use
        corpus = make_corpus()
        if arguments.reader == "weights":
            corpus |= weights_of_one_network()
        test_readers.attack(arguments.reader, folder / "read", seconds=0, first=0)
    seeds(corpus, folder / "corpus")
    options = {
        "max_total_time": arguments.seconds,
        "max_len": LONGEST,
        "timeout": SECONDS_OF_ONE,
        "rss_limit_mb": MEGABYTES,
        "artifact_prefix": f"{arguments.found}/",
        "print_final_stats": 1,
        "verbosity": 0,
    }
    flags = [f"-{name}={value}" for name, value in options.items()]
    atheris.Setup(
        [sys.argv[0], *flags, str(folder / "corpus")],
        reading(read, list(corpus), folder / "read"),
        custom_mutator=in_parts if arguments.reader == "weights" else None,
    )
    atheris.Fuzz()  # ends the process


if __name__ == "__main__":
    main()
