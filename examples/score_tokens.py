"""Score generated tokens of twelve parts, one of which has a defect."""

import torch

import musc2

layers, rows, columns, channels = 3, 14, 14, 48  # of an encoder
generator = torch.Generator().manual_seed(0)
pattern = torch.randn(1, layers, rows, columns, channels, generator=generator)  # of all parts
tokens = pattern + 0.3 * torch.randn(12, layers, rows, columns, channels, generator=generator)
tokens[5, :, 9:11, 3:5] += 1.5  # the defect

result = musc2.score_tokens(tokens, image_size=(112, 112))

print(result)
print("part  score   (row, column) of the highest value of its map")
for part in result.scores.argsort(descending=True).tolist():
    row, column = divmod(int(result.maps[part].argmax()), 112)
    mark = "  <- the defect is at (72-88, 24-40)" if part == 5 else ""
    print(f"{part:4}  {result.scores[part]:.4f}  ({row}, {column}){mark}")
