"""Networks in OpenVINO against the same networks in torch."""

import dataclasses
import multiprocessing
import os

import parts
import pytest
import random_weights
import torch

from musc2 import Config, encoders, score
from musc2.encoders import _runtimes
from musc2.encoders._checkpoints import fetching
from musc2.encoders._point_mae import tokenizer
from musc2.encoders._runtimes import openvino
from musc2.errors import InputError
from musc2.result import Result

LIKE_VIT = ("dinov2", "dinov2_with_registers")  # in what is converted
FAMILIES = (
    "vit",
    "dinov3_vit",
    "clip_vision_model",
    *(pytest.param(family, marks=pytest.mark.long) for family in LIKE_VIT),
)


@pytest.fixture
def is_installed(in_openvino, empty_caches):
    """OpenVINO is used where it is installed, with an empty cache."""


@pytest.fixture
def lite(tmp_path):
    """Return EfficientNet-Lite0 with random weights, in torch."""
    torch.save(random_weights.efficientnet_lite("efficientnet-lite0"), tmp_path / "lite.pth")
    return encoders.load("efficientnet-lite0", weights=tmp_path / "lite.pth")


def pixels(count, side):
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0))


def assert_close(actual, expected):
    """Both are float32 sums of the same numbers in other orders."""
    difference = (actual - expected).norm() / expected.norm()
    assert difference < 1e-5
    assert actual.shape == expected.shape
    assert actual.dtype == torch.float32


@pytest.mark.parametrize("family", FAMILIES)
def test_tokens_of_vision_transformers_are_those_of_torch(family, tmp_path, is_installed):
    random_weights.small_network(family, tmp_path / "network")
    in_torch = encoders.load(str(tmp_path / "network"))
    in_openvino = in_torch.with_runtime("openvino")
    assert (in_torch.runtime, in_openvino.runtime) == ("torch", "openvino")
    for count in (2, 1):  # one network for both
        images = pixels(count, 4 * in_torch.patch)
        expected, actual = in_torch.encode(images), in_openvino.encode(images)
        assert_close(actual.tokens, expected.tokens)
        assert_close(actual.class_tokens, expected.class_tokens)
    assert len(list((fetching.cache_folder() / "openvino").iterdir())) == 1


def test_other_blocks_and_sizes_are_other_networks(tmp_path, is_installed):
    random_weights.small_network("vit", tmp_path / "network")
    in_torch = encoders.load(str(tmp_path / "network"))
    for blocks, norm, side in (((0, 2), True, 32), ((1,), True, 32), ((1,), False, 48)):
        own = dataclasses.replace(in_torch, blocks=blocks, final_norm=norm)
        images = pixels(1, side)
        assert_close(own.with_runtime("openvino").encode(images).tokens, own.encode(images).tokens)


def test_tokens_of_efficientnet_are_those_of_torch_for_every_batch(lite, is_installed):
    in_openvino = lite.with_runtime("openvino")
    images = pixels(3, 64)
    expected, actual = lite.encode(images).tokens, in_openvino.encode(images).tokens
    assert_close(actual, expected)
    alone = torch.cat([in_openvino.encode(image[None]).tokens for image in images])
    assert torch.equal(alone, actual)
    threads = torch.get_num_threads()
    torch.set_num_threads(1 if threads > 1 else 2)
    try:
        assert torch.equal(in_openvino.encode(images).tokens, actual)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("statistics", ["sample", "running"])
def test_tokens_of_point_mae_are_those_of_torch(tmp_path, grouped_cloud, is_installed, statistics):
    torch.save(random_weights.point_mae(), tmp_path / "weights.pth")
    in_torch = encoders.load("point-mae", weights=tmp_path / "weights.pth")
    in_torch = dataclasses.replace(in_torch, statistics=statistics)
    in_openvino = in_torch.with_runtime("openvino")
    assert_close(in_openvino.encode(*grouped_cloud), in_torch.encode(*grouped_cloud))


@dataclasses.dataclass(frozen=True)
class _Norm:
    def __call__(self, norm, x):
        return (tokenizer._batch_norm(norm, x, "sample", 1),)


def test_statistics_of_many_points_are_as_exact_as_those_of_torch(is_installed):
    generator = torch.Generator().manual_seed(0)
    points = 0.5 + 0.02 * torch.randn(1024, 128, 8, generator=generator)  # as in the first layer
    norm = torch.nn.BatchNorm1d(8).eval()
    [actual] = openvino.run(_Norm(), norm, (points,), torch.float32, any_batch=False)
    with torch.no_grad():
        [expected] = _Norm()(norm, points)
    assert_close(actual, expected)


def test_scores_are_those_of_torch_and_the_result_says_which(rng, lite, is_installed, tmp_path):
    images = parts.images(rng, size=(64, 64))
    in_torch = score(images, encoder_2d=lite)
    in_openvino = score(images, encoder_2d=lite.with_runtime("openvino"))
    torch.testing.assert_close(in_openvino.scores, in_torch.scores, rtol=1e-4, atol=1e-5)
    assert in_torch.runtimes == {"2d": "torch"}
    assert in_openvino.runtimes == {"2d": "openvino"}
    in_openvino.save(tmp_path / "saved")
    assert Result.load(tmp_path / "saved").runtimes == {"2d": "openvino"}
    assert parts.score_small(images).runtimes == {}


def test_a_later_process_takes_the_network_from_the_cache(lite, is_installed, monkeypatch):
    encoder = lite.with_runtime("openvino")
    images = pixels(1, 64)
    expected = encoder.encode(images).tokens
    [file] = (fetching.cache_folder() / "openvino").iterdir()
    openvino._models.clear()
    with monkeypatch.context() as patch:
        patch.setattr(openvino, "_converted", lambda *_: pytest.fail("converted again"))
        assert torch.equal(encoder.encode(images).tokens, expected)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    openvino._models.clear()
    assert torch.equal(encoder.encode(images).tokens, expected)
    assert file.read_bytes() != bytes(content)


def test_files_that_nobody_reads_are_removed(lite, is_installed):
    folder = fetching.cache_folder() / "openvino"
    folder.mkdir(parents=True)
    abandoned, recent = folder / "abandoned.bin", folder / "recent.bin"
    for file in (abandoned, recent):
        file.touch()
    os.utime(abandoned, (0, 0))
    lite.with_runtime("openvino").encode(pixels(1, 64))
    assert not abandoned.exists()
    assert recent.exists()


def test_changed_weights_are_converted_again(lite, is_installed):
    encoder = lite.with_runtime("openvino")
    images = pixels(1, 64)
    before = encoder.encode(images).tokens
    with torch.no_grad():
        lite.network._conv_stem.weight.mul_(0.5)
    assert_close(encoder.encode(images).tokens, lite.encode(images).tokens)
    assert not torch.equal(encoder.encode(images).tokens, before)


def test_a_cache_that_cannot_be_written_costs_time_alone(lite, is_installed, monkeypatch):
    cache = fetching.cache_folder()
    cache.parent.mkdir(parents=True, exist_ok=True)
    cache.write_text("no folder")
    images = pixels(1, 64)
    assert_close(lite.with_runtime("openvino").encode(images).tokens, lite.encode(images).tokens)


def _answer(pipe, lite):
    pipe.send(lite.with_runtime("openvino").encode(pixels(1, 64)).tokens.sum().item())


def test_a_forked_child_is_answered_by_torch(lite, is_installed):
    expected = lite.with_runtime("openvino").encode(pixels(1, 64)).tokens.sum().item()
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_answer, args=(sender, lite))
    child.start()
    assert receiver.poll(60)
    assert receiver.recv() == pytest.approx(expected, rel=1e-4)
    child.join(60)
    assert child.exitcode == 0


class _Odd(torch.nn.Module):
    def forward(self, x):
        return (torch.from_numpy(x.numpy().copy()),) if x.sum() > 1e9 else (torch.linalg.qr(x)[0],)


@dataclasses.dataclass(frozen=True)
class _Call:
    def __call__(self, network, x):
        return network(x)


def test_a_network_that_cannot_be_converted_is_named(is_installed):
    inputs = (torch.rand(2, 3, 3),)
    with pytest.raises(InputError, match=r'cannot run _Odd: .*; set encoder_runtime="torch"'):
        openvino.run(_Call(), _Odd(), inputs, torch.float32, any_batch=True)


def test_the_runtime_is_chosen_by_device_and_precision(in_openvino, monkeypatch):
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert _runtimes.choose("load", "auto", cpu, "float32") == "openvino"
    assert _runtimes.choose("load", "openvino", cpu, "auto") == "openvino"
    assert _runtimes.choose("load", "auto", gpu, "float32") == "torch"
    assert _runtimes.choose("load", "auto", cpu, "float16") == "torch"
    for device, precision in ((gpu, "float32"), (cpu, "float16")):
        with pytest.raises(InputError, match='runtime must be "torch" or "auto" for'):
            _runtimes.choose("load", "openvino", device, precision)
    monkeypatch.setattr(openvino, "is_installed", lambda: False)
    assert _runtimes.choose("load", "auto", cpu, "float32") == "torch"


def test_a_missing_package_is_named_with_the_extra(rng, lite):
    with pytest.raises(InputError, match=r'pip install "musc2\[openvino\]"'):
        encoders.load("efficientnet-lite0", runtime="openvino")
    with pytest.raises(InputError, match="runtime must be one of auto, torch, openvino"):
        encoders.load("efficientnet-lite0", runtime="onnx")
    config = Config(encoder_runtime="openvino")
    score(parts.images(rng), encoder_2d=parts.colors, config=config)  # has no network


def test_torch_gives_an_image_the_same_bits_in_every_batch(lite):
    images = pixels(3, 64)
    alone = torch.cat([lite.encode(image[None]).tokens for image in images])
    assert torch.equal(lite.encode(images).tokens, alone)
