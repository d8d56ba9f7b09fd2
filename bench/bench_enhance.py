"""CAE of one sample: 784 patches, 1,024 groups, 49 references, against the published formula in torch."""

import torch
from contest import Sides, contest

from musc2.ops import link_patches
from musc2.stages.enhance import enhance


def replace_sorted(source: torch.Tensor, target: torch.Tensor, stable: bool) -> torch.Tensor:
    replaced = torch.empty_like(source)
    replaced[torch.argsort(target, stable=stable)] = torch.sort(source).values
    return replaced


def published(
    a: torch.Tensor,
    b: torch.Tensor,
    groups_of_patch: list[torch.Tensor],
    patch_of_group: list[torch.Tensor],
    stable: bool = False,  # as it was published, and quicker
) -> tuple[torch.Tensor, torch.Tensor]:
    x2 = torch.stack([b[groups].mean(0) if len(groups) else torch.zeros(b.shape[1]) for groups in groups_of_patch])
    x3 = torch.stack([a[patch].mean(0) for patch in patch_of_group])
    c2 = 1 - replace_sorted(a.std(1), x2.std(1), stable)
    c3 = 1 - replace_sorted(b.std(1), x3.std(1), stable)
    y3 = replace_sorted(b.flatten(), x3.flatten(), stable).reshape(b.shape)
    linked = x2.sum(1) != 0
    y2 = x2.clone()
    y2[linked] = replace_sorted(a[linked].flatten(), x2[linked].flatten(), stable).reshape(-1, a.shape[1])
    y2, y3 = torch.maximum(a, y2) * c2[:, None], torch.maximum(b, y3) * c3[:, None]
    y2, y3 = replace_sorted(a.flatten(), y2.flatten(), stable), replace_sorted(b.flatten(), y3.flatten(), stable)
    return (a + y2.reshape(a.shape)) / 2, (b + y3.reshape(b.shape)) / 2


def prepare() -> Sides:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randperm(224 * 224, generator=generator)[:1024]
    links = link_patches(pixels, size=(224, 224), grid=(28, 28))
    a, b = (0.5 + 0.1 * torch.randn(n, 49, generator=generator) for n in (784, 1024))
    groups_of_patch = [torch.where(links.patch == q)[0] for q in range(784)]
    patch_of_group = [patch.reshape(1).long() for patch in links.patch]
    expected = published(a, b, groups_of_patch, patch_of_group, stable=True)

    def check(ours: tuple[torch.Tensor, torch.Tensor], _: object) -> None:
        for one, other in zip(ours, expected, strict=True):  # values that nearly tie may swap ranks
            difference = (one - other).abs()
            assert float((difference > 1e-6).float().mean()) < 2e-3
            assert float(difference.max()) < 1e-2

    return Sides(
        ours=lambda: enhance(a, b, links),
        baseline=lambda: published(a, b, groups_of_patch, patch_of_group),
        check=check,
    )


test_enhance = contest("CAE 784 patches 1024 groups 49 references", target=5.0, prepare=prepare)
