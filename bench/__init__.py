"""Benchmarks of the ops and of the method against baselines, and how well the method finds defects.

    python -m bench.compare [NAME ...]     every op against its baseline
    python -m bench.pipeline               the method without its networks, stage by stage
    python -m bench.scaling                time and memory of the search as the set grows
    python -m bench.quality DATA           how many defects are found: images, synthetic or aupro

Run from the root of the repository, with ``pip install ".[bench]"``. ``bench_<op>.py`` is the
benchmark of an op and ``baselines/<op>.py`` what it is compared with; ``gpu/`` is for a GPU.
"""
