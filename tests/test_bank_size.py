"""Banks that keep a share of each part's patches."""

import banks
import pytest
import torch

from musc2 import Config, Scorer
from musc2._bank.coreset import coresets
from musc2.errors import InputError


@pytest.mark.parametrize("modality", banks.MODALITIES)
def test_a_tenth_of_the_bank_scores_like_the_whole(rng, tmp_path, modality):
    both = banks.inputs(rng, modality, 10)
    bank, new = banks.some(both, slice(0, 8)), banks.some(both, slice(8, 10))
    whole = banks.fit(bank)
    small = banks.fit(bank, bank_size=0.1)
    for name, block in small._bank.blocks.items():
        patches = whole._bank.blocks[name].z.shape[1]
        assert block.z.shape[1] == max(1, round(patches / 10))
    assert small.bank_size == 0.1
    assert small._bank.whole == {}
    scores = small.score(*new).scores
    assert scores.isfinite().all()
    small.save(tmp_path / "bank")
    encoders = {name: values[0] for name, values in small.fitted_encoders().items()}
    loaded = Scorer.load(tmp_path / "bank", **encoders)
    assert loaded.bank_size == 0.1
    assert torch.equal(loaded.score(*new).scores, scores)


@pytest.mark.parametrize("modality", banks.MODALITIES)
def test_all_patches_give_the_scores_of_the_whole_bank(rng, modality):
    both = banks.inputs(rng, modality, 10)
    bank, new = banks.some(both, slice(0, 8)), banks.some(both, slice(8, 10))
    whole, every = banks.fit(bank), banks.fit(bank, bank_size=1.0)
    torch.testing.assert_close(every.score(*new).scores, whole.score(*new).scores)
    assert every.threshold.value == pytest.approx(whole.threshold.value, rel=1e-5)


def test_a_coreset_covers_a_part_and_keeps_no_patch_twice():
    clusters = torch.tensor([[0.0, 0], [10, 0], [0, 10], [20, 20]]).repeat_interleave(5, 0)
    noise = 0.1 * torch.randn(3, 20, 2, generator=torch.Generator().manual_seed(0))
    kept = coresets(clusters + noise, 0.2)
    assert kept.shape == (3, 4, 2)
    nearest = torch.cdist(clusters[::5], kept).argmin(2)
    assert nearest.sort(1).values.tolist() == [[0, 1, 2, 3]] * 3
    equal = torch.ones(1, 6, 2)
    assert coresets(equal, 0.5).shape == (1, 3, 2)
    everything = coresets(noise, 1.0)
    assert len(torch.unique(everything[0], dim=0)) == 20


def test_parts_come_and_go(rng):
    both = banks.inputs(rng, "2d", 10)
    scorer = banks.fit(banks.some(both, slice(0, 7)), bank_size=0.2)
    scorer.add(*banks.some(both, slice(7, 9)), names=["a", "b"])
    scorer.remove("0")
    assert scorer.names[-2:] == ["a", "b"]
    assert len(scorer) == 8
    assert scorer.score(*banks.some(both, slice(9, 10))).scores.isfinite().all()


def test_what_needs_whole_parts_is_refused_by_name(rng):
    scorer = banks.fit(banks.inputs(rng, "2d", 5), bank_size=0.5)
    with pytest.raises(InputError, match=r"Scorer\.scores: the bank's bank_size must be None"):
        scorer.scores()
    with pytest.raises(InputError, match=r"Scorer\.calibrate: the bank's bank_size must be None"):
        scorer.calibrate()


@pytest.mark.parametrize("size", [0, 1.5, -0.1, "tenth", True, float("nan")])
def test_nonsense_is_refused(rng, size):
    with pytest.raises(InputError, match=r"Scorer\.fit: bank_size must be None or a number"):
        banks.fit(banks.inputs(rng, "2d", 4), bank_size=size)


@pytest.mark.parametrize(
    "changes", [{"drop": "alike"}, {"config": Config(input_size=48, search_window=1)}]
)
def test_what_needs_all_patches_is_refused(rng, changes):
    with pytest.raises(InputError, match="bank_size must be None with"):
        banks.fit(banks.inputs(rng, "2d", 4), bank_size=0.5, **changes)
