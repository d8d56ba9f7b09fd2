"""Enhancement on a GPU, which is pretended, with few references, and of one sample."""

import pytest
import torch
from test_enhance import sample

from musc2.ops import Links
from musc2.stages import enhance

pretended_gpu = pytest.importorskip("pretended_gpu", exc_type=ImportError)


def compared(rng, hidden, references=4, groups=10, grid=(3, 4)):
    """Enhance samples on a GPU and on the CPU; hidden: the columns of +inf of each sample."""
    d_2d, d_3d, links = [], [], []
    for columns in hidden:
        a, b, own = sample(rng, grid, groups, references)
        a[:, columns] = b[:, columns] = float("inf")
        d_2d.append(a)
        d_3d.append(b)
        links.append(own)
    on_cpu = torch.stack(d_2d), torch.stack(d_3d)
    values = []
    for name in ("patch", "start", "groups"):
        values.append(torch.stack([vars(own)[name] for own in links]))
    with pretended_gpu.present():
        on_gpu = [d.to("cuda") for d in on_cpu]
        enhance.enhance_in_place(*on_gpu, Links(*(value.to("cuda") for value in values)))
        on_gpu = [d.cpu() for d in on_gpu]
    before = [d.clone() for d in on_cpu]
    enhance.enhance_in_place(*on_cpu, Links(*values))
    for ours, expected, plain in zip(on_gpu, on_cpu, before, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-6)
        assert not torch.equal(expected, plain)


@pytest.mark.parametrize("columns", [[0], [0, 3], [0, 1, 3]], ids=["3 left", "2 left", "1 left"])
def test_few_references_on_a_gpu(rng, columns):
    compared(rng, [columns] * 3)


def test_samples_with_different_numbers_of_references_on_a_gpu(rng):
    compared(rng, [[0], [1, 2], [0, 1, 3], [0, 2, 3]])


def test_one_or_two_samples_on_a_gpu(rng):
    compared(rng, [[2]])
    compared(rng, [[2], [0]])


def test_samples_of_one_patch_on_a_gpu(rng):
    compared(rng, [[2], [0], [1, 3]], grid=(1, 1), groups=3)


@pytest.mark.parametrize("values", [1, 88, 89, 1000])
def test_samples_in_steps_on_a_gpu(rng, values, monkeypatch):
    """A sample has 22 rows of 4 distances."""
    monkeypatch.setattr(enhance, "_VALUES", values)
    compared(rng, [[0], [1], [2], [3, 1], [0]])
