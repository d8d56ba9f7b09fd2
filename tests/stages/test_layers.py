import torch

from musc2 import Config, score_tokens
from musc2.by_modality import ByModality
from musc2.stages import layers


def images(*layers):
    return [ByModality(image=torch.tensor(layer)) for layer in layers]


def fused(scored, rule="highest"):
    rules = ByModality(image=rule) if scored[0].image is not None else ByModality(points=rule)
    return layers.together(scored, rules, layers.units(scored))


def test_the_mean_over_layers():
    scores = fused(images([[1.0, 2.0]], [[3.0, 6.0]]), "mean")
    assert scores.image.tolist() == [[2.0, 4.0]]
    assert scores.points is None


def test_the_highest_layer_in_units_of_its_median_patch():
    near, far = [[1.0, 1.0, 4.0]], [[10.0, 30.0, 10.0]]
    scores = fused(images(near, far)).image
    torch.testing.assert_close(scores, torch.tensor([[1.0, 3.0, 4.0]]) * 5.5)


def test_the_mean_in_units_of_median_patches():
    near, far = [[1.0, 1.0, 4.0]], [[10.0, 30.0, 10.0]]
    scores = fused(images(near, far), "balanced").image
    torch.testing.assert_close(scores, torch.tensor([[1.0, 2.0, 2.5]]) * 5.5)


def test_each_modality_has_its_rule():
    scored = []
    for near in (1.0, 3.0):
        scored.append(ByModality(torch.tensor([[near]]), torch.tensor([[near]])))
    fusion = layers.together(scored, ByModality("mean", "highest"), layers.units(scored))
    assert (float(fusion.image), float(fusion.points)) == (2.0, 2.0)


def test_the_scale_of_a_layer_does_not_change_the_ranking(rng):
    distances = [torch.from_numpy(rng.random((4, 9))).float() for _ in range(3)]
    scaled = [ByModality(points=layer * 10**number) for number, layer in enumerate(distances)]
    plain = fused([ByModality(points=layer) for layer in distances]).points
    ranking = fused(scaled).points.flatten().argsort()
    assert torch.equal(ranking, plain.flatten().argsort())


def test_one_layer_is_as_it_is():
    [only] = images([[0.5, 0.1, 2.0]])
    for rule in ("mean", "balanced", "highest"):
        assert torch.equal(fused([only], rule).image, only.image)


def test_a_layer_without_differences_leaves_the_mean():
    scores = fused(images([[0.0, 0.0, 2.0]], [[1.0, 1.0, 1.0]])).image
    assert scores.tolist() == [[0.5, 0.5, 1.5]]


def test_a_defect_that_one_layer_shows_is_found_under_a_longer_layer(rng):
    """The first layer shows it; in a mean, the noise of the second, ten times as long, hides it."""
    tokens = torch.from_numpy(rng.standard_normal((8, 2, 6, 6, 4))).float()
    tokens[:, 0] *= 0.02
    tokens[5, 0, 2, 2] += 0.3
    raw = Config(aggregate_normalize=False, aggregate_degrees=(1,), rescore=False)
    highest = score_tokens(tokens, image_size=(12, 12), config=raw.replace(layer_fusion="highest"))
    assert highest.scores.argmax() == 5
    mean = score_tokens(tokens, image_size=(12, 12), config=raw.replace(layer_fusion="mean"))
    assert mean.scores.argmax() != 5
