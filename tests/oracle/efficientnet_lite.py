"""EfficientNet-Lite written out, on the weights of its checkpoint, batch norms on their own."""

import math

from torch.nn.functional import batch_norm, conv2d, pad


def efficientnet_lite(pixels, state, strided):
    """pixels: (3, H, W) in [0, 1], strided: blocks of stride 2 -> (C, h, w) float64 per block."""
    w = {name: value.double() for name, value in state.items()}
    keys = ("running_mean", "running_var", "weight", "bias")
    norm = lambda x, name: batch_norm(x, *(w[f"{name}.{key}"] for key in keys), eps=1e-3)  # noqa: E731

    def convolve(x, name, stride=1):  # padded to ceil(n / stride) outputs, an odd rest at the end
        kernel = w[f"{name}.weight"]
        total = [
            (math.ceil(n / stride) - 1) * stride + kernel.shape[-1] - n for n in x.shape[:1:-1]
        ]
        x = pad(x, [side for n in total for side in (n // 2, n - n // 2)])
        return conv2d(x, kernel, stride=stride, groups=x.shape[1] // kernel.shape[1])

    x = norm(convolve((pixels[None].double() * 255 - 127) / 128, "_conv_stem", 2), "_bn0").clamp(
        0, 6
    )
    outputs = []
    for number in range(sum(name.endswith("_project_conv.weight") for name in w)):
        block, inner, before = f"_blocks.{number}.", x, x
        if f"{block}_expand_conv.weight" in w:
            inner = norm(convolve(x, f"{block}_expand_conv"), f"{block}_bn0").clamp(0, 6)
        inner = convolve(inner, f"{block}_depthwise_conv", 2 if number in strided else 1)
        x = norm(
            convolve(norm(inner, f"{block}_bn1").clamp(0, 6), f"{block}_project_conv"),
            f"{block}_bn2",
        )
        x = x + before if x.shape == before.shape else x
        outputs.append(x[0])
    return outputs
