import numpy as np
import pytest
import torch
from oracle.enhance import enhance as oracle
from tolerances import RANKED

from musc2.errors import InputError
from musc2.ops import Links, link_patches, lowest_mean
from musc2.stages.enhance import enhance, enhance_in_place


def sample(rng, grid, groups, references):
    """Distances and links; the image has four pixels per patch side."""
    size = (4 * grid[0], 4 * grid[1])
    links = link_patches(rng.integers(0, size[0] * size[1], groups), size=size, grid=grid)
    a, b = (
        torch.from_numpy(rng.random((n, references), dtype=np.float32))
        for n in (grid[0] * grid[1], groups)
    )
    return a, b, links


def assert_close_but_for_swapped_ranks(differences, tolerances):
    """Allow one value in a thousand to be off a little: near ties may swap their ranks."""
    usual, swapped = tolerances
    assert np.mean(differences > usual) <= 1e-3
    assert differences.max() <= swapped


def test_tiny_case_with_the_answer_written_out():
    # Patch 0 holds both groups, patch 1 none; one reference, so that every confidence is 1.
    links = link_patches(torch.tensor([0, 0]), size=(1, 2), grid=(1, 2))
    a, b = torch.tensor([[0.1], [0.2]]), torch.tensor([[0.8], [0.4]])
    # A' = (mean of b = 0.6 -> 0.1 of the linked a, 0) -> max with a: (0.1, 0.2), which is a itself.
    # B' = (0.1, 0.1) -> tied: 0.4 first, then 0.8 -> max with b: (0.8, 0.8) -> tied: 0.4, 0.8.
    enhanced_a, enhanced_b = enhance(a, b, links)
    assert enhanced_a.flatten().tolist() == pytest.approx([0.1, 0.2])
    assert enhanced_b.flatten().tolist() == pytest.approx([0.6, 0.6])


@pytest.mark.parametrize("references", [1, 2, 7, 49])
@pytest.mark.parametrize(
    ("grid", "groups"), [((1, 1), 1), ((1, 2), 9), ((5, 6), 40), ((14, 14), 256)]
)
def test_random_samples_agree_with_the_oracle(rng, grid, groups, references):
    a, b, links = sample(rng, grid, groups, references)
    before = a.clone(), b.clone()
    for ours, exact in zip(
        enhance(a, b, links), oracle(a.numpy(), b.numpy(), links.patch.numpy()), strict=True
    ):
        assert_close_but_for_swapped_ranks(np.abs(ours.numpy() - exact), RANKED["enhance"])
    assert torch.equal(a, before[0])
    assert torch.equal(b, before[1])


@pytest.mark.parametrize("name", ["msm_multiple_fp32", "msm_multiple_N3_fp32"])
def test_published_scores(golden, name):
    stored, tokens = golden(name), golden("msm_multiple_fp32")
    samples = len(stored["scores_2d"])
    modalities = [torch.from_numpy(tokens[key][:samples]) for key in ("Z_2d", "Z_3d")]
    differences = []
    for i in range(samples):
        pixels = tokens["nonzero_indices_center"][i]
        links = link_patches(pixels, size=(112, 112), grid=(14, 14))
        d = [
            torch.stack(
                [
                    torch.cdist(z[i], z[j], compute_mode="donot_use_mm_for_euclid_dist").amin(1)
                    for j in range(samples)
                    if j != i
                ],
                dim=1,
            )
            for z in modalities
        ]
        for ours, key in zip(
            enhance(d[0], d[1], links), ("scores_2d_stable", "scores_3d_stable"), strict=True
        ):
            differences.append(np.abs(lowest_mean(ours).numpy() - stored[key][i]))
    assert_close_but_for_swapped_ranks(np.concatenate(differences), RANKED["msm_multiple"])


def test_thread_counts_give_equal_bits(backend, rng, over_threads):
    a, b, links = sample(rng, (14, 14), 256, 20)
    one, *others = over_threads(lambda: enhance(a, b, links))
    assert all(torch.equal(x, y) for other in others for x, y in zip(one, other, strict=True))


def test_each_value_stays_within_the_range_of_its_modality(rng):
    a, b, links = sample(rng, (5, 6), 40, 7)
    for enhanced, own in zip(enhance(a, 10 * b, links), (a, 10 * b), strict=True):
        assert own.min() <= enhanced.min()
        assert enhanced.max() <= own.max()


@pytest.mark.parametrize("references", [1, 2, 5])
def test_constant_distances_stay_as_they_are(rng, references):
    _, _, links = sample(rng, (3, 3), 5, references)
    for value in (0.0, 0.3):
        a, b = torch.full((9, references), value), torch.full((5, references), value)
        assert torch.equal(enhance(a, b, links)[0], a)
        assert torch.equal(enhance(a, b, links)[1], b)


def test_a_sample_without_groups_is_finite(rng):
    a, b, links = sample(rng, (3, 4), 0, 6)
    enhanced_a, enhanced_b = enhance(a, b, links)
    assert torch.isfinite(enhanced_a).all()
    assert enhanced_b.shape == (0, 6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"a": torch.zeros(4)},
            r"enhance: a and b must be \(L2, R\) and \(L3, R\), R at least 1, got \(4,\) and",
        ),
        ({"a": torch.zeros(4, 3)}, r"a and b must be .* got \(4, 3\) and \(2, 5\)"),
        ({"a": torch.zeros(4, 0), "b": torch.zeros(2, 0)}, "R at least 1"),
        (
            {"a": torch.zeros(5, 5)},
            r"links must join 5 patches and 2 groups, got a start of shape \(5,\) and 2 groups",
        ),
        ({"b": torch.zeros(3, 5)}, "links must join 4 patches and 3 groups"),
    ],
)
def test_bad_arguments_are_named(change, message):
    links = link_patches(torch.tensor([0, 3]), size=(2, 2), grid=(2, 2))
    with pytest.raises(InputError, match=message):
        enhance(**({"a": torch.zeros(4, 5), "b": torch.zeros(2, 5), "links": links} | change))


@pytest.mark.parametrize("hidden", [1, 5], ids=["itself", "and copies"])
def test_samples_together_on_a_gpu_equal_samples_one_by_one(rng, hidden):
    pretended_gpu = pytest.importorskip("pretended_gpu", exc_type=ImportError)
    groups, references, count = 40, 9, 6
    d_2d, d_3d, links = [], [], []
    for index in range(count):
        a, b, own = sample(rng, (5, 6), groups, references)
        columns = [(index + step) % references for step in range(1 + index % hidden)]
        a[:, columns] = b[:, columns] = float("inf")
        d_2d.append(a)
        d_3d.append(b)
        links.append(own)
    d_2d, d_3d = torch.stack(d_2d), torch.stack(d_3d)
    d_2d[2], d_3d[2] = d_2d[2].round(decimals=1), d_3d[2].round(decimals=1)  # ties, and zeros
    values = [
        torch.stack([vars(own)[name] for own in links]) for name in ("patch", "start", "groups")
    ]
    with pretended_gpu.present() as counts:
        on_gpu = [d.to("cuda") for d in (d_2d, d_3d)]
        counts.waits.clear()
        enhance_in_place(*on_gpu, Links(*(value.to("cuda") for value in values)))
        assert [wait for wait in counts.waits if "pageable" not in wait[1]] == []
        on_gpu = [d.cpu() for d in on_gpu]
    enhance_in_place(d_2d, d_3d, Links(*values))
    for ours, expected in zip(on_gpu, (d_2d, d_3d), strict=True):
        assert torch.equal(ours.isinf(), expected.isinf())
        differences = (ours - expected)[expected.isfinite()].abs().numpy()
        assert_close_but_for_swapped_ranks(differences, RANKED["enhance"])
