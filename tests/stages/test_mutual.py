import numpy as np
import pytest
import torch

from musc2._panels.medians import medians
from musc2.by_modality import ByModality
from musc2.ops import lowest_mean
from musc2.stages.mutual import Features, distances, panels, row_source


def everyone(features):
    return distances(features, torch.arange(len(features.z)))


def test_distances_agree_with_the_published_code(golden):
    g = golden("msm_single")
    found = everyone(Features(z=torch.from_numpy(g["Z"]), precision="float32"))
    for i in range(7):
        others = [j for j in range(7) if j != i]
        assert found[i, :, i].isinf().all()
        np.testing.assert_allclose(
            found[i][:, others], g["patch2image_float64"][i], rtol=1e-5, atol=1e-5
        )
    np.testing.assert_allclose(lowest_mean(found), g["scores_fp32"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("interval", "name"),
    [((0.0, 0.3), "scores_0_03"), ((0.1, 0.3), "scores_01_03"), ((0, 5), "scores_0_5")],
)
def test_intervals_agree_with_the_published_v1_code(golden, interval, name):
    g = golden("msm_v1")
    found = lowest_mean(
        everyone(Features(z=torch.from_numpy(g["Z"]), precision="float32")), interval
    )
    np.testing.assert_allclose(found, g[name], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("samples", [2, 3, 4])
def test_few_samples_score_by_their_nearest_other(rng, samples):
    z = torch.from_numpy(rng.standard_normal((samples, 6, 5)).astype(np.float32))
    found = everyone(Features(z=z))
    assert torch.equal(lowest_mean(found), found.amin(-1))
    assert lowest_mean(found).isfinite().all()


@pytest.fixture
def features(rng):
    z, references = (
        rng.standard_normal(shape).astype(np.float32) for shape in [(7, 12, 5), (3, 9, 5)]
    )
    return Features(
        z=torch.from_numpy(z), references=torch.from_numpy(references), precision="float32"
    )


def test_references_are_further_columns(features):
    found = everyone(features)
    assert found.shape == (7, 12, 10)
    assert torch.equal(found[..., :7], everyone(Features(z=features.z, precision="float32")))
    expected = (
        torch.cdist(features.z.double()[:, None], features.references.double()[None])
        .amin(-1)
        .transpose(1, 2)
    )
    torch.testing.assert_close(found[..., 7:], expected.float(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rows", [[0], [6], [1, 2, 5]])
def test_panels_of_rows_are_rows_of_the_whole(features, rows):
    whole = everyone(features)[rows]
    torch.testing.assert_close(distances(features, torch.tensor(rows)), whole, rtol=1e-5, atol=1e-6)


def test_panels_fit_into_memory(features):
    row = 4 * 12 * 10
    assert [len(p) for p in panels(ByModality(features), 7 * row)] == [7]
    assert [len(p) for p in panels(ByModality(features), 7 * row - 1)] == [6, 1]
    assert [len(p) for p in panels(ByModality(features), 3 * row)] == [3, 3, 1]
    assert [len(p) for p in panels(ByModality(features), 1)] == [1] * 7
    assert [len(p) for p in panels(ByModality(features, features), 6 * row)] == [3, 3, 1]


def test_a_window_looks_at_the_same_place_only(rng):
    z = torch.from_numpy(rng.standard_normal((3, 6, 5)).astype(np.float32))
    found = everyone(Features(z=z, window=0, grid=(2, 3)))
    torch.testing.assert_close(found[0, :, 1], (z[0] - z[1]).norm(dim=-1))
    wide = everyone(Features(z=z, window=3, grid=(2, 3)))
    torch.testing.assert_close(
        wide, everyone(Features(z=z, precision="float32")), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("memory", [1, 1 << 30])
def test_medians_are_those_of_all_distances(features, memory):
    found = everyone(features)
    whole = [torch.arange(7)]
    expected = float(found[found.isfinite()].median())
    source = ByModality(row_source(features, memory=memory))
    assert medians(ByModality(features), whole, source, memory).image == expected
    measured = medians(ByModality(features), whole, None, memory)
    assert measured.image == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("memory", [1, 1 << 30])
def test_medians_of_a_set_in_parts_look_inside_the_parts(features, memory):
    parts = [torch.tensor([0, 2, 5]), torch.tensor([1, 3, 4, 6])]
    found = [everyone(features.subset(part)) for part in parts]
    every = torch.cat([d[d.isfinite()] for d in found])
    median = medians(ByModality(features), parts, None, memory).image
    assert median == pytest.approx(float(every.median()), rel=1e-5)


def test_equal_samples_have_a_median_to_divide_by():
    same = Features(z=torch.ones(3, 4, 2))
    whole = [torch.arange(3)]
    assert medians(ByModality(same), whole, None, 1 << 30).image == 1.0


def test_the_input_is_left_alone_and_results_repeat(features):
    before = features.z.clone(), features.references.clone()
    assert torch.equal(everyone(features), everyone(features))
    assert torch.equal(features.z, before[0])
    assert torch.equal(features.references, before[1])
