"""Score images with an encoder of your own, here color and edges."""

import torch

import musc2


def color_and_edges(images):  # (B, 3, H, W) in [0, 1] -> (B, h, w, C)
    across = images.diff(dim=3, append=images[..., -1:])
    down = images.diff(dim=2, append=images[..., -1:, :])
    features = torch.cat([images, across.abs(), down.abs()], dim=1)
    return torch.nn.functional.avg_pool2d(features, 8).permute(0, 2, 3, 1)


generator = torch.Generator().manual_seed(0)
parts = 0.9 * torch.rand(1, 96, 128, 3, generator=generator)
parts = parts + 0.1 * torch.rand(8, 96, 128, 3, generator=generator)  # eight with noise
parts[5, 40:56, 80:96] = 0.5  # a defect: the grain is missing
result = musc2.score(parts, encoder_2d=color_and_edges)

print(result)
print(f"part {int(result.scores.argmax())}, at {divmod(int(result.maps[5].argmax()), 128)}")
