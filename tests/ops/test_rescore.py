import contextlib
import ctypes
import importlib
import math
import multiprocessing
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from oracle.rescore import rescore as oracle
from tolerances import ORACLE

from musc2.errors import InputError
from musc2.ops import lowest_mean, rescore
from musc2.ops._support import dispatch, similar_samples

SEARCHES = ["faiss", "torch", "faiss on a GPU", "torch on a GPU"]


@contextlib.contextmanager
def searching(name):
    """Search by FAISS, or by torch as if FAISS were missing; on a GPU as far as that is Python."""
    if "faiss" in name:
        pytest.importorskip("faiss")
    if "on a GPU" in name:
        pytest.importorskip("musc2._cuda_emulated")
    replaced = {"torch": None, "faiss on a GPU": FaissOnGpu()}
    with (
        pytest.MonkeyPatch.context() as patch,
        dispatch.emulated() if "on a GPU" in name else contextlib.nullcontext(),
    ):
        if name in replaced:
            patch.setattr(similar_samples, "_faiss", lambda: replaced[name])
        patch.setattr(similar_samples, "_gpu_resources", {})
        yield replaced.get(name)


@pytest.fixture(params=SEARCHES)
def search(request):
    with searching(request.param) as faiss:
        yield faiss


class FaissOnGpu:
    """FAISS's GPU functions as far as they are used, on the CPU; it notes the calls."""

    METRIC_INNER_PRODUCT, IndicesDataType_I64 = 0, 0
    GpuDistanceParams = SimpleNamespace

    def __init__(self):
        self.calls = []

    def StandardGpuResources(self):
        note = [self._noting(name) for name in ("setTempMemory", "setDefaultStream")]
        return SimpleNamespace(setTempMemory=note[0], setDefaultStream=note[1])

    def _noting(self, name):
        return lambda *arguments: self.calls.append((name, arguments))

    cast_integer_to_float_ptr = staticmethod(lambda address: ("float32", address))
    cast_integer_to_idx_t_ptr = staticmethod(lambda address: ("int64", address))
    cast_integer_to_cudastream_t = staticmethod(lambda address: ("stream", address))

    def bfKnn(self, resources, search):
        self.calls.append(("bfKnn", (search,)))
        features = at_address(search.vectors, (search.numVectors, search.dims))
        index = importlib.import_module("faiss").IndexFlatIP(search.dims)
        index.add(features)
        outputs = index.search(at_address(search.queries, features.shape), search.k)
        for pointer, values in zip((search.outDistances, search.outIndices), outputs, strict=True):
            at_address(pointer, values.shape)[:] = values


def at_address(pointer, shape):
    dtype, address = pointer
    memory = (ctypes.c_byte * (np.dtype(dtype).itemsize * math.prod(shape))).from_address(address)
    return np.frombuffer(memory, dtype).reshape(shape)


def unit(rng, *shape):
    x = rng.standard_normal(shape).astype(np.float32)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def test_tiny_case_with_the_answer_written_out(search):
    features = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    scores = torch.tensor([1.0, 3.0, 7.0])
    # k = 1: sample 1 ties with sample 0 and is forced in; k = 2: both count by halves.
    # Sample 2 has no neighbor but itself.
    assert rescore(features, scores, (1, 2)).tolist() == [1.5, 2.5, 7.0]


@pytest.mark.parametrize("min_max", [False, True])
@pytest.mark.parametrize(("count", "channels"), [(1, 3), (2, 5), (6, 8), (40, 16), (150, 64)])
def test_random_samples_agree_with_the_oracle(search, rng, count, channels, min_max):
    features, scores = unit(rng, count, channels) + 0.05, rng.random(count).astype(np.float32)
    rtol, atol = ORACLE["rescore"]
    for neighbors in [(1,), (1, 7), (1, 2, 3), (200,)]:
        expected = oracle(features, scores, neighbors, min_max)
        result = rescore(features, scores, neighbors, min_max=min_max)
        np.testing.assert_allclose(result, expected, rtol, atol)


@pytest.mark.parametrize("samples", [20, 60])
@pytest.mark.parametrize(
    ("name", "neighbors"),
    [("v2_k1_7", (1, 7)), ("v2_k7", (1, 7)), ("v1_k123", (1, 2, 3)), ("v1_k189", (1, 8, 9))],
)
def test_min_max_agrees_with_the_published_code(search, golden, samples, name, neighbors):
    g = golden("rscon")
    result = rescore(g[f"feat_{samples}"], g[f"score_{samples}"], neighbors, min_max=True)
    np.testing.assert_allclose(result, g[f"out_{name}_{samples}"], rtol=1e-4, atol=1e-5)


def test_min_max_agrees_with_the_published_code_on_seven_samples(search, golden):
    g = golden("rscon")
    result = rescore(g["feat_60"][:7], g["score_60"][:7], (1, 7), min_max=True)
    np.testing.assert_allclose(result, g["out_v2_k1_7_first7of60"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("min_max", [False, True])
def test_every_search_gives_equal_bits(rng, min_max):
    features = unit(rng, 300, 24).round(1)  # many near and exact ties
    features[50:90] = features[7]
    scores = rng.random(300).astype(np.float32)
    results = []
    for name in SEARCHES:
        with searching(name):
            results.append(rescore(features, scores, (1, 5, 7), min_max=min_max))
    assert all(torch.equal(results[0], result) for result in results)


def test_faiss_searches_on_the_stream_and_in_bounded_memory(rng, monkeypatch):
    features, scores = unit(rng, 30, 6), rng.random(30).astype(np.float32)
    monkeypatch.setattr(dispatch, "stream", lambda device: 77)
    with searching("faiss on a GPU") as faiss:
        rescore(features, scores)
        rescore(features, scores)
        names = [name for name, _ in faiss.calls]
        assert names == ["setTempMemory", *["setDefaultStream", "bfKnn"] * 2]
        assert faiss.calls[0][1] == (64 << 20,)
        assert faiss.calls[1][1] == (0, ("stream", 77))
        search = faiss.calls[2][1][0]
        assert (search.numVectors, search.dims, search.k, search.device) == (30, 6, 15, 0)
        assert search.vectors is search.queries
        many = np.ones((2100, 1), np.float32)
        # More neighbors than FAISS finds on a GPU: torch searches.
        assert len(rescore(many, many[:, 0], (2100,))) == 2100
        assert len(faiss.calls) == 5


def test_ties_go_to_the_lowest_index(search):
    features, scores = np.ones((50, 4), np.float32), np.arange(50, dtype=np.float32)
    expected = [1.0, 1.0, 1.0, *((0 + 1 + i) / 3 for i in range(3, 50))]
    np.testing.assert_allclose(rescore(features, scores, (3,)), expected, rtol=1e-6)


def test_the_sample_itself_always_counts(search):
    features = torch.tensor([[1.0, 0.0], [4.0, 0.0], [5.0, 0.0]])
    scores = torch.tensor([9.0, 0.0, 0.0])
    assert rescore(features, scores, (1,)).tolist() == [9.0, 0.0, 0.0]
    assert rescore(features, scores, (1,), min_max=True).tolist() == [0.0, 0.0, 0.0]


def test_opposite_samples_do_not_count(search):
    features = torch.tensor([[1.0], [-1.0]])
    assert rescore(features, torch.tensor([1.0, 5.0]), (2,)).tolist() == [1.0, 5.0]


def test_a_row_without_weight_keeps_its_score(search):
    features = torch.zeros(3, 2)
    scores = torch.tensor([0.5, 0.25, 1.0])
    assert torch.equal(rescore(features, scores, (1, 2)), scores)


def test_min_max_leaves_constant_scores_as_they_are(search, rng):
    scores = np.full(12, 0.25, np.float32)
    result = rescore(unit(rng, 12, 4) + 1, scores, min_max=True)
    np.testing.assert_allclose(result, scores, rtol=1e-6)


@pytest.mark.parametrize("samples", [1, 2, 3, 6])
@pytest.mark.parametrize("min_max", [False, True])
def test_neighbors_beyond_the_samples_mean_all_of_them(search, rng, samples, min_max):
    features, scores = unit(rng, samples, 8) + 1, rng.random(samples).astype(np.float32)
    result = rescore(features, scores, (1, 7), min_max=min_max)
    assert torch.equal(result, rescore(features, scores, (1, samples), min_max=min_max))
    assert result.isfinite().all()


def test_means_stay_between_the_lowest_and_highest_score(search, rng):
    features, scores = unit(rng, 80, 6), rng.random(80).astype(np.float32)
    result = rescore(features, scores, (1, 7))
    assert result.min() >= scores.min()
    assert result.max() <= scores.max()


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_huge_and_tiny_features_give_the_same_as_unit_ones(search, rng, scale):
    features, scores = unit(rng, 60, 6), rng.random(60).astype(np.float32)
    scaled = (features * scale).astype(np.float32)
    np.testing.assert_allclose(rescore(scaled, scores), rescore(features, scores), rtol=1e-4)


def test_the_input_is_left_alone(search, rng):
    features, scores = unit(rng, 30, 6), rng.random(30).astype(np.float32)
    before = features.copy(), scores.copy()
    rescore(features, scores)
    rescore(features, scores, min_max=True)
    assert np.array_equal(features, before[0])
    assert np.array_equal(scores, before[1])


def _in_child(queue, features, scores):
    queue.put((rescore(features, scores).tolist(), lowest_mean(features).tolist()))


def test_a_forked_child_rescores_and_runs_kernels(search, rng):
    features, scores = unit(rng, 400, 64), rng.random(400).astype(np.float32)
    here = rescore(features, scores).tolist(), lowest_mean(features).tolist()
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=_in_child, args=(queue, features, scores))
    child.start()
    child.join(60)
    hangs = child.is_alive()
    child.kill()
    assert not hangs
    assert child.exitcode == 0
    assert queue.get() == here


@pytest.mark.parametrize(
    ("features", "scores", "neighbors", "message"),
    [
        (
            np.ones(3, np.float32),
            np.ones(3, np.float32),
            (1,),
            r"features must have shape \(N, C\), got \(3,\)",
        ),
        (np.ones((3, 2)), np.ones(3, np.float32), (1,), "features must be float32, got float64"),
        (
            np.ones((3, 2), np.float32),
            np.ones(2, np.float32),
            (1,),
            r"must be \(N, C\) and \(N,\), not empty",
        ),
        (np.ones((0, 2), np.float32), np.ones(0, np.float32), (1,), "not empty"),
        (np.ones((3, 0), np.float32), np.ones(3, np.float32), (1,), "not empty"),
        (
            np.full((3, 2), np.nan, np.float32),
            np.ones(3, np.float32),
            (1,),
            r"features must be finite, got nan",
        ),
        (
            np.ones((3, 2), np.float32),
            np.full(3, np.inf, np.float32),
            (1,),
            r"scores must be finite, got inf",
        ),
        (
            np.ones((3, 2), np.float32),
            np.ones(3, np.float32),
            (),
            "neighbors must be a sequence of whole numbers",
        ),
        (
            np.ones((3, 2), np.float32),
            np.ones(3, np.float32),
            7,
            "neighbors must be a sequence of whole numbers",
        ),
        (
            np.ones((3, 2), np.float32),
            np.ones(3, np.float32),
            (0, 1),
            "neighbors must be a whole number of at least 1",
        ),
        (
            np.ones((3, 2), np.float32),
            np.ones(3, np.float32),
            (1.5,),
            "neighbors must be a whole number of at least 1",
        ),
    ],
)
def test_bad_arguments_are_named(features, scores, neighbors, message):
    with pytest.raises(InputError, match=f"rescore: .*{message}"):
        rescore(features, scores, neighbors)
