import torch

from musc2.stages.rescore import join_features, salient_features


def test_the_feature_at_the_highest_score_is_taken():
    z = torch.arange(12.0).reshape(2, 3, 2)
    assert salient_features(z, torch.tensor([[0.0, 5.0, 1.0], [9.0, 5.0, 1.0]])).tolist() == [
        [2, 3],
        [6, 7],
    ]


def test_each_modality_has_the_same_say_when_normalized():
    features = [torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 10.0]])]
    torch.testing.assert_close(
        join_features(features, normalize=True), torch.tensor([[0.6, 0.8, 0.0, 1.0]])
    )
    assert join_features(features, normalize=False).tolist() == [[3, 4, 0, 10]]
