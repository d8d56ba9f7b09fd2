import pytest
import torch

from musc2 import Config, score_tokens
from musc2.stages import copies

DISTANCES = Config(score_unit="distance", layer_fusion="mean")


@pytest.fixture
def z(rng):
    return torch.from_numpy(rng.standard_normal((7, 12, 5))).float()


def pairs(copied):
    return [tuple(pair) for pair in copied.nonzero().tolist()]


def test_exact_and_near_copies_are_found(z):
    z[5] = z[2]
    z[6] = z[0] + 0.01 * z[1]
    assert pairs(copies.find_copies(z)) == [(0, 6), (2, 5), (5, 2), (6, 0)]


def test_parts_of_one_design_are_no_copies(z):
    assert not copies.find_copies(z).any()
    assert not copies.find_copies(torch.ones(4, 3, 2)).any()
    noise_free = z[:1].repeat(7, 1, 1)
    noise_free[6] = z[6]
    assert not copies.find_copies(noise_free).any()


def test_a_part_with_a_small_defect_is_no_copy_of_itself_without(z):
    z = z.repeat(1, 40, 1)
    z[3] = z[4]
    z[3, 7] += 2
    assert not copies.find_copies(z).any()
    z[3, 7] = z[4, 7]
    assert pairs(copies.find_copies(z)) == [(3, 4), (4, 3)]


def test_a_reference_that_is_a_sample_again(z):
    assert pairs(copies.find_copies(z[:5], z[4:])) == [(4, 5)]
    assert pairs(copies.find_copies(z[:5], torch.ones(2, 3, 5))) == []
    assert copies.find_copies(z[:5], torch.ones(2, 3, 5)).shape == (5, 7)


def test_copies_are_left_out_like_the_sample_itself_unless_nothing_else_is_there():
    inf = float("inf")
    d = torch.tensor([[inf, 0.0, 2.0], [0.0, inf, 2.0]])[:, None].repeat(1, 4, 1)
    copied = torch.tensor([[False, True, False], [True, False, False]])
    copies.leave_out(d, copied)
    assert d[:, 0].tolist() == [[inf, inf, 2.0], [inf, inf, 2.0]]
    alone = torch.tensor([[inf, 0.0]])[:, None]
    copies.leave_out(alone, torch.tensor([[False, True]]))
    assert alone[0, 0].tolist() == [inf, 0.0]


def test_copies_of_a_subset_count_its_own_columns_and_all_references():
    copied = torch.zeros(5, 7, dtype=torch.bool)
    copied[3, 1] = copied[1, 3] = copied[4, 6] = True
    subset = torch.tensor([1, 3, 4])
    rows = torch.tensor([1, 2])
    expected = [[True, False, False, False, False], [False, False, False, False, True]]
    assert copies.within(copied, subset)[rows].tolist() == expected


@pytest.fixture
def tokens(rng):
    """Seven parts alike but for noise, the last one defective and there twice."""
    base = rng.standard_normal((1, 2, 6, 6, 8))
    tokens = torch.from_numpy(base + 0.3 * rng.standard_normal((7, 2, 6, 6, 8))).float()
    tokens[5, :, 2:4, 2:4] += 3
    tokens[6] = tokens[5]
    return tokens


def test_a_copied_part_keeps_its_score_and_both_are_named(tokens):
    names = [f"part {number}" for number in range(7)]
    with pytest.warns(UserWarning, match="part 5 and part 6"):
        result = score_tokens(tokens, image_size=(24, 24), names=names, config=DISTANCES)
    alone = score_tokens(tokens[:6], image_size=(24, 24), names=names[:6], config=DISTANCES)
    assert result.raw_scores.argsort().tolist()[-2:] in ([5, 6], [6, 5])
    torch.testing.assert_close(result.raw_scores[5:], alone.raw_scores[5].expand(2))


@pytest.mark.parametrize("subsets", [1, 2])
def test_copies_do_not_depend_on_the_memory(tokens, subsets):
    config = Config(subset_count=subsets, seed=1)
    with pytest.warns(UserWarning, match="5 and 6"):
        whole = score_tokens(tokens, image_size=(24, 24), config=config)
    with pytest.warns(UserWarning, match="5 and 6"):
        panels = score_tokens(tokens, image_size=(24, 24), config=config.replace(memory=1))
    torch.testing.assert_close(whole.raw_scores, panels.raw_scores)


@pytest.mark.parametrize("preset", ["published", "musc"])
def test_the_published_presets_let_copies_vouch(tokens, preset):
    scores = score_tokens(tokens, image_size=(24, 24), config=preset).raw_scores
    assert scores.argmin() >= 5
    assert scores[5:].max() < 0.01
