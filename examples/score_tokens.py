"""Result made-up tokens of twelve parts, one of which has a defect: python examples/score_tokens.py"""

import torch

import musc2

generator = torch.Generator().manual_seed(0)
pattern = torch.randn(
    1, 3, 14, 14, 48, generator=generator
)  # layers, grid and channels of an encoder; what parts share
tokens = pattern + 0.3 * torch.randn(12, 3, 14, 14, 48, generator=generator)
tokens[5, :, 9:11, 3:5] += 1.5  # the defect

result = musc2.score_tokens(tokens, image_size=(112, 112))

print(result)
print("part  score   highest at (row, column) of its map")
for part in result.scores.argsort(descending=True).tolist():
    row, column = divmod(int(result.maps[part].argmax()), 112)
    mark = "  <- the planted defect lies at (72-88, 24-40)" if part == 5 else ""
    print(f"{part:4}  {result.scores[part]:.4f}  ({row}, {column}){mark}")
