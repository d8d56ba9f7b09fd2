"""Parts that are compared with some others: random ones, or the most similar."""

import pytest
import samples
import torch

from musc2 import Config, Scorer, datasets, score_tokens
from musc2._panels.partners import is_partner, random_partners, similar_partners
from musc2.by_modality import ByModality
from musc2.errors import InputError
from musc2.ops import lowest_mean, nearest_patches
from musc2.ops._support import similar_samples
from musc2.stages.mutual import Features, row_source

SIZE = (24, 20)


def inputs(rng, modality, count=12):
    tokens = {}
    if "2d" in modality:
        tokens["image_tokens"] = samples.image_tokens(rng, count)
    if "3d" in modality:
        tokens |= {
            "point_tokens": samples.point_tokens(rng, count),
            "clouds": samples.clouds(rng, count),
        }
    return tokens


def scored(tokens, config, **options):
    size = {} if "clouds" in tokens else {"image_size": SIZE}
    return score_tokens(**tokens, **size, **options, config=config)


def split(tokens, count):
    rest = {name: values[count:] for name, values in tokens.items()}
    return {name: values[:count] for name, values in tokens.items()}, rest


@pytest.mark.parametrize(("count", "references"), [(3, 0), (4, 7), (17, 3), (1, 0)])
def test_random_partners_are_distinct_others(count, references):
    table = random_partners(20, references, count, 5, None)
    assert table.shape == (20, count)
    for row, own in enumerate(table.tolist()):
        assert row not in own
        assert len(set(own)) == count
        assert set(own) <= set(range(20 + references))
    assert torch.equal(table, random_partners(20, references, count, 5, None))
    assert not torch.equal(table, random_partners(20, references, count, 6, None))


def test_a_random_pair_serves_both_parts():
    listed = is_partner(random_partners(30, 0, 6, 0, None))
    assert torch.equal(listed, listed.T)


def test_copies_are_no_partners_and_others_take_their_place():
    copies = torch.zeros(10, 10, dtype=torch.bool)
    copies[:4, :4] = ~torch.eye(4, dtype=torch.bool)
    table = random_partners(10, 0, 5, 0, copies)
    assert not bool(copies.gather(1, table).any())
    assert (table >= 0).all()
    everyone = random_partners(10, 0, 8, 0, copies)  # only 6 others are no copies
    assert (everyone[:4] == -1).sum(1).tolist() == [2] * 4
    alone = ~torch.eye(10, dtype=torch.bool)
    assert (random_partners(10, 0, 5, 0, alone) >= 0).all()


@pytest.mark.parametrize("modality", ["2d", "3d", "2d3d"])
@pytest.mark.parametrize("has_references", [False, True])
@pytest.mark.parametrize("setting", ["references_per_part", "similar_parts"])
def test_as_many_as_there_are_give_the_bits_of_all(rng, modality, has_references, setting):
    tokens, options = inputs(rng, modality), {}
    if has_references:
        tokens, options["references"] = split(tokens, 8)
    whole = scored(tokens, Config(), **options)
    for count in (11, 1000):
        result = scored(tokens, Config(**{setting: count}), **options)
        assert torch.equal(result.scores, whole.scores)
        assert torch.equal(result.maps[3], whole.maps[3])


@pytest.mark.parametrize("modality", ["2d", "3d", "2d3d"])
@pytest.mark.parametrize("has_references", [False, True])
@pytest.mark.parametrize("setting", ["references_per_part", "similar_parts"])
def test_the_memory_changes_no_bit(rng, modality, has_references, setting):
    tokens, options = inputs(rng, modality), {}
    if has_references:
        tokens, options["references"] = split(tokens, 8)
    config = Config(**{setting: 5})
    result = scored(tokens, config, **options)
    assert torch.equal(result.scores, scored(tokens, config.replace(memory=1), **options).scores)
    assert not torch.equal(result.scores, scored(tokens, Config(), **options).scores)


@pytest.mark.parametrize("window", [None, 1])
def test_rows_are_the_columns_of_the_partners(rng, window):
    z = torch.from_numpy(rng.standard_normal((9, 16, 5))).float()
    references = torch.from_numpy(rng.standard_normal((4, 16, 5))).float()
    options = {"search_window": window, "precision": "float32"}
    parts = [nearest_patches(z, **options), nearest_patches(z, references=references, **options)]
    whole = torch.cat(parts, dim=-1)
    table = random_partners(9, 4, 6, 0, None)
    table[2, 1] = -1
    features = Features(z=z, references=references, window=window, precision="float32")
    source = row_source(features, table=table, memory=1 << 20)
    expected = torch.stack([whole[row][:, own] for row, own in enumerate(table)])
    expected[2, :, 1] = float("inf")
    torch.testing.assert_close(source.rows(torch.arange(9)), expected)
    torch.testing.assert_close(
        lowest_mean(source.rows(torch.tensor([2, 5]))), lowest_mean(expected[[2, 5]])
    )


def mixed_products(defective=3):
    """Return tokens of 14 parts of one product, one of them defective, and 3 of another."""
    generator = torch.Generator().manual_seed(0)
    patterns = torch.randn(2, 1, 6, 6, 12, generator=generator)
    kinds = torch.tensor([0] * 14 + [1] * 3)
    tokens = patterns[kinds] + 0.3 * torch.randn(17, 1, 6, 6, 12, generator=generator)
    tokens[defective, 0, 2, 2] += 1.5 * torch.randn(12, generator=generator)
    return tokens, kinds


def test_mixed_products_are_compared_within_their_own():
    tokens, kinds = mixed_products()
    config = Config(rescore=False)
    mixed = score_tokens(tokens, image_size=SIZE, config=config)
    good = torch.tensor([part for part in range(14) if part != 3])
    assert mixed.raw_scores[14:].min() > mixed.raw_scores[good].max()
    result = score_tokens(tokens, image_size=SIZE, config=config.replace(similar_parts=2))
    assert int(result.raw_scores.argmax()) == 3
    assert result.raw_scores[14:].max() < result.raw_scores[good].max()
    partners = result.matches.parts
    listed = partners >= 0
    own = kinds[:, None].expand_as(partners)
    assert torch.equal(kinds[partners[listed]], own[listed])


def test_similar_partners_do_not_depend_on_faiss(monkeypatch):
    tokens, kinds = mixed_products()
    features = ByModality(Features(z=tokens.flatten(1, 3).reshape(17, 36, 12)))
    table = similar_partners(features, 2, None)
    assert torch.equal(kinds[table], kinds[:, None].expand(17, 2))
    monkeypatch.setattr(similar_samples, "_faiss", lambda: None)
    assert torch.equal(similar_partners(features, 2, None), table)


@pytest.mark.parametrize("setting", ["references_per_part", "similar_parts"])
def test_a_bank_takes_some_of_its_parts(setting):
    rgb = datasets.synthetic.parts(9, size=32, seed=2).rgb
    whole = Scorer.fit(rgb[:7], encoder_2d="texture", config=Config(input_size=32))
    config = Config(input_size=32, **{setting: 3})
    scorer = Scorer.fit(rgb[:7], encoder_2d="texture", config=config)
    assert not torch.equal(scorer.score(rgb[7:]).scores, whole.score(rgb[7:]).scores)
    result = Scorer.fit(rgb[:7], encoder_2d="texture", config=config.replace(**{setting: 99}))
    assert torch.equal(result.score(rgb[7:]).scores, whole.score(rgb[7:]).scores)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"references_per_part": 0}, "references_per_part must be None or a whole number of at"),
        ({"references_per_part": 2.5}, "references_per_part must be None or a whole number"),
        ({"similar_parts": -1}, "similar_parts must be None or a whole number of at least 1"),
        (
            {"similar_parts": 3, "subset_count": 2},
            "similar_parts must be left out with subset_count, got 3",
        ),
        (
            {"similar_parts": 3, "references_per_part": 2},
            "references_per_part must be left out with similar_parts, got 2",
        ),
    ],
)
def test_nonsense_is_refused_by_name(settings, message):
    with pytest.raises(InputError, match=f"Config: {message}"):
        Config(**settings)
