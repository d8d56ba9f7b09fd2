"""Images that a GPU resizes have the values that PIL gives; a GPU is pretended."""

import backends
import numpy as np
import parts
import pytest
import torch
from PIL import Image

from musc2 import Config, score
from musc2.encoders import ImageTokens, TokenDefaults
from musc2.inputs import Preparation, pair, prepare_image
from musc2.inputs._on_gpu import RawImage, resized, resizing
from musc2.inputs.loading import prepare
from musc2.ops._support.dispatch import set_num_threads
from musc2.part_encoding import preparation

SIZES = [
    ((30, 40), (30, 40)),
    ((37, 53), (16, 16)),
    ((50, 7), (24, 48)),
    ((101, 64), (100, 65)),
    ((16, 90), (33, 17)),
    ((2, 3), (24, 8)),
    ((640, 33), (8, 40)),
    ((101, 64), (31, 29)),
    ((101, 64), (31, 30)),
    ((60, 30), (33, 17)),
    ((150, 205), (112, 112)),
]


@pytest.mark.parametrize("resample", ["bicubic", "bilinear"])
@pytest.mark.parametrize(("original", "target"), SIZES)
def test_images_are_resized_to_the_values_of_pil(rng, resample, original, target):
    noise = rng.integers(0, 256, (2, *original, 3), dtype=np.uint8)
    stripes = np.where(noise > 127, 255, 0).astype(np.uint8)  # overshoots on both sides
    gray = np.repeat(noise[..., :1], 3, 3)
    for pixels in (noise, stripes, gray):
        batch = resizing.resize(torch.from_numpy(pixels), target, resample)
        assert batch.shape == (2, 3, *target)
        filter_of_pil = Image.Resampling[resample.upper()]
        for ours, image in zip(batch, pixels, strict=True):
            theirs = np.asarray(Image.fromarray(image).resize(target[::-1], filter_of_pil))
            expected = theirs.transpose(2, 0, 1) / np.float32(255)
            assert np.array_equal(ours.numpy(), expected)


@pytest.mark.parametrize("resize", ["square", "fit"])
def test_an_image_waits_for_a_gpu_as_it_is(rng, resize):
    image = rng.integers(0, 256, (61, 40, 3), dtype=np.uint8)
    on_cpu = Preparation(size=32, resize=resize, patch=8, image_scale=2)
    on_gpu = Preparation(size=32, resize=resize, patch=8, image_scale=2, device="cuda")
    (sample,) = pair([image], None)
    raw = prepare(sample, on_gpu).image
    assert isinstance(raw, RawImage)
    expected = prepare_image(image, on_cpu)
    assert raw.shape == expected.shape
    same_here = RawImage(pixels=raw.pixels, size=raw.size, resample=raw.resample, device="cpu")
    assert torch.equal(resized(same_here), expected)
    deep = rng.random((61, 40, 3))
    (sample,) = pair([deep], None)
    assert torch.equal(prepare(sample, on_gpu).image, prepare_image(deep, on_cpu))


class Colors:
    """An encoder of mean colors that takes images on a GPU; notes where they were."""

    name, modality, learns, images_on_gpu = "colors on a gpu", "image", False, True
    token_defaults = TokenDefaults(normalize=True, degrees=(1, 3, 5))
    size, resample, patch, image_scale = 48, "bicubic", 8, 1

    def __init__(self):
        self.on_gpu = []

    def fit(self, images, *, seed=0):
        """Learn nothing."""

    def state(self):
        return {}

    def restore(self, state):
        """Restore nothing."""

    def encode(self, images):
        self.on_gpu.append(images.is_cuda)
        return ImageTokens(tokens=parts.colors(images)[:, None])


@pytest.mark.skipif(
    "emulated" not in backends.names("score_tokens"), reason="needs all kernels of the method"
)
def test_the_encoder_of_a_gpu_gets_images_that_were_resized_there(rng, monkeypatch):
    pretended_gpu = pytest.importorskip("pretended_gpu", exc_type=ImportError)
    images = [*parts.images(rng, 3), parts.images(rng, 1)[0][:30], rng.random((36, 60, 3))]
    config = Config(search_precision="float32")
    encoder = Colors()
    expected = score(images, encoder_2d=encoder, device="cpu", config=config)
    by_pil = []
    resize = Image.Image.resize

    def counted(image, *arguments, **options):
        by_pil.append(image.size)
        return resize(image, *arguments, **options)

    monkeypatch.setattr(Image.Image, "resize", counted)
    set_num_threads(1)  # the pretence is of one thread
    try:
        with pretended_gpu.present() as counts:
            result = score(images, encoder_2d=encoder, device="cuda", config=config)
    finally:
        set_num_threads(None)
    assert encoder.on_gpu == [False, True]
    assert len(by_pil) == 3  # the channels of the image that is deeper than 8 bits
    assert len(counts.waits_of("encode")) <= 1, counts.waits_of("encode")
    assert not any("pageable" in reason for _, reason, _ in counts.waits)
    torch.testing.assert_close(result.scores, expected.scores, rtol=1e-4, atol=1e-5)


def test_images_are_resized_on_the_cpu_where_an_encoder_learns_or_wants_them_there():
    class Encoders:
        device = "cuda"
        points = ()

        def __init__(self, *encoders):
            self.images = [type("Named", (), {"encoder": encoder}) for encoder in encoders]

        def input_sizes(self, size):
            return [48] * len(self.images)

    here, learning, plain = Colors(), Colors(), Colors()
    learning.learns, plain.images_on_gpu = True, False
    assert preparation(Encoders(here), Config()).device == "cuda"
    assert preparation(Encoders(plain), Config()).device == "cpu"
    both = preparation(Encoders(here, plain), Config())
    assert (both.device, both.further[0].device) == ("cuda", "cpu")
    assert preparation(Encoders(here, learning), Config()).device == "cpu"
