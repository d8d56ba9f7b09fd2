"""``score(..., cluster=)``: equal to one process, whatever happens to the workers."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import parts
import pytest
import torch
from parts import SMALL, same, score_small

import dying_tasks
import musc2
from musc2 import Config, score
from musc2._cluster import blocks, session, worker
from musc2.cli import main
from musc2.errors import ClusterError, InputError

STORE = 80 << 20  # bytes, about the least that Ray takes
STAGES = ("load", "fit", "encode", "features", "copies_of", "among", "pairs", "row_scores")
FURTHER = ("finite_distances", "medians", "salient", "matches", "chosen", "to_references")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")


@pytest.fixture(scope="session")
def cluster():
    """A cluster of three workers on this machine."""
    ray = pytest.importorskip("ray")
    kept = os.environ.copy()
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=3, include_dashboard=False, object_store_memory=STORE, log_to_driver=False)
    os.environ.clear()
    os.environ.update(kept)
    yield "ray"
    ray.shutdown()


def blocks_of(monkeypatch, size):
    monkeypatch.setattr(blocks, "block_size", lambda samples, workers: size)


@pytest.fixture
def images(rng):
    return parts.images(rng, 21, defect=(4, 15, 30))


@pytest.fixture
def scans(rng):
    return parts.maps(rng, 21, defect=(4, 15, 30))


@pytest.mark.parametrize("size", [4, 8, 10, 21])
def test_blocks_of_any_size_give_the_scores_of_one_process(
    cluster, images, scans, monkeypatch, size
):
    """21 is no multiple of 4, 8 and 10: the last block is smaller."""
    blocks_of(monkeypatch, size)
    alone = score_small(images, scans)
    spread = score_small(images, scans, cluster=cluster)
    same(alone, spread)
    assert alone.units == spread.units
    assert torch.equal(alone.matches.parts, spread.matches.parts)
    assert torch.equal(alone.matches.distances, spread.matches.distances)


@pytest.mark.filterwarnings("ignore:score. ")
def test_encoders_that_learn_and_distances_that_are_balanced(cluster, images, scans):
    options = {"encoder_2d": ["texture", parts.Coarse()], "encoder_3d": "shape", "config": SMALL}
    same(score(images, scans, **options), score(images, scans, cluster=cluster, **options))


@pytest.mark.parametrize("preset", ["published", "musc"])
def test_presets(cluster, images, preset):
    config = Config.from_preset(preset).replace(input_size=48)
    options = {"config": config, "encoder_2d": parts.colors}
    same(score(images, **options), score(images, cluster=cluster, **options))


def test_tensors_clouds_masks_and_few_parts(cluster, images, scans):
    tensors, masks = torch.from_numpy(images[:5]), np.ones((5, 36, 60), bool)
    masks[:, :9] = False
    same(score_small(tensors, masks=masks), score_small(tensors, masks=masks, cluster=cluster))
    clouds = [scan[scan[..., 2] != 0] for scan in scans[:9]]
    same(score_small(pcd=clouds), score_small(pcd=clouds, cluster=cluster))


@pytest.mark.parametrize("size", [1, 2])
def test_few_parts_in_several_blocks(cluster, images, scans, monkeypatch, size):
    blocks_of(monkeypatch, size)
    options = {"references": {"rgb": images[3:7], "pcd": scans[3:7]}}
    images, scans = images[:3], scans[:3]
    alone = score_small(images, scans, **options)
    same(alone, score_small(images, scans, **options, cluster=cluster))


@pytest.mark.parametrize(("size", "good"), [(4, False), (8, True), (21, True)])
def test_references(cluster, images, scans, monkeypatch, size, good):
    """13 samples and 8 references are no multiples of 4 and 8."""
    blocks_of(monkeypatch, size)
    references = {"rgb": images[13:], "pcd": scans[13:]}
    options = {"references": references, "references_are_good": good}
    alone = score_small(images[:13], scans[:13], **options)
    spread = score_small(images[:13], scans[:13], **options, cluster=cluster)
    same(alone, spread)
    assert alone.units == spread.units
    assert (alone.reference_scores is None) != good
    if good:
        assert torch.equal(alone.reference_scores, spread.reference_scores)


@pytest.mark.parametrize(("samples", "count"), [(1, 5), (2, 15), (2, 16), (9, 1), (40, 40)])
def test_any_number_of_references(cluster, rng, samples, count):
    """More than 32 references are thinned for the unit.

    One sample has no other sample, and one reference no other reference.
    """
    images = parts.images(rng, samples + count)
    options = {"references": {"rgb": images[samples:]}}
    alone = score_small(images[:samples], **options)
    same(alone, score_small(images[:samples], **options, cluster=cluster))


def test_encoders_that_learn_from_references_too(cluster, images, monkeypatch):
    blocks_of(monkeypatch, 4)
    options = {"references": {"rgb": images[9:]}, "encoder_2d": parts.Coarse()}
    alone = score_small(images[:9], **options)
    same(alone, score_small(images[:9], **options, cluster=cluster))


def test_a_reference_that_is_a_sample_does_not_vouch_for_it(cluster, images):
    images[17] = images[4]
    images[17, 0, 0] ^= 1
    options = {"references": {"rgb": images[10:]}}
    with pytest.warns(match="4 and reference 7"):
        alone = score_small(images[:10], **options)
    with pytest.warns(match="4 and reference 7"):
        spread = score_small(images[:10], **options, cluster=cluster)
    same(alone, spread)


@pytest.mark.parametrize("window", [1, "auto"])
@pytest.mark.parametrize("references", [False, True])
def test_a_search_window(cluster, images, scans, monkeypatch, window, references):
    blocks_of(monkeypatch, 8)
    options = {"config": SMALL.replace(search_window=window)}
    if references:
        options["references"] = {"rgb": images[13:], "pcd": scans[13:]}
        images, scans = images[:13], scans[:13]
    alone = score_small(images, scans, **options)
    spread = score_small(images, scans, **options, cluster=cluster)
    same(alone, spread)
    assert alone.config == spread.config
    assert torch.equal(alone.matches.nearest, spread.matches.nearest)
    assert alone.config.search_window == (2 if window == "auto" else window)


def test_a_search_window_that_is_not_for_these_parts(cluster, rng, scans):
    """Noise is not aligned, and scans have no grid."""
    config = SMALL.replace(search_window="auto")
    noise = rng.integers(0, 256, (12, 36, 60, 3), dtype=np.uint8)
    for arguments in ({"rgb": noise}, {"pcd": scans}):
        alone = score_small(**arguments, config=config)
        spread = score_small(**arguments, config=config, cluster=cluster)
        same(alone, spread)
        assert alone.config.search_window is spread.config.search_window is None


def test_references_that_cannot_be_read(cluster, images, tmp_path, monkeypatch):
    blocks_of(monkeypatch, 4)
    files = []
    for index, image in enumerate(images):
        files.append(tmp_path / f"{index:02}.npy")
        np.save(files[-1], image)
    for number in (3, 14, 15):
        files[number].write_bytes(b"damaged %d" % number)
    options = {"references": {"rgb": files[12:]}}
    skipping = {**options, "config": SMALL.replace(on_error="skip")}
    alone = score_small(files[:12], **skipping)
    spread = score_small(files[:12], **skipping, cluster=cluster)
    same(alone, spread)
    assert [failure.name for failure in spread.failures] == ["03", "14", "15"]
    assert spread.failures == alone.failures
    with pytest.raises(InputError, match=r"03\.npy"):
        score_small(files[:12], **options, cluster=cluster)
    for number in range(12, 21):
        files[number].write_bytes(b"damaged %d" % number)
    errors = []
    for cluster_or_none in (None, cluster):
        with pytest.raises(InputError) as error:
            score_small(files[:12], **skipping, cluster=cluster_or_none)
        errors.append(str(error.value))
    assert errors[0] == errors[1]


def test_copies_do_not_vouch_for_each_other(cluster, images):
    images[17] = images[4]
    images[17, 0, 0] ^= 1  # exact copies are noticed before they are scored
    with pytest.warns(match="do not vouch for each other: 4 and 17"):
        alone = score_small(images)
    with pytest.warns(match="do not vouch for each other: 4 and 17"):
        spread = score_small(images, cluster=cluster)
    same(alone, spread)


def test_blocks_without_readable_parts_are_left_out(cluster, images, tmp_path, monkeypatch):
    blocks_of(monkeypatch, 4)
    files = []
    for index, image in enumerate(images):
        files.append(tmp_path / f"{index:02}.npy")
        np.save(files[-1], image)
    for number in (4, 5, 6, 7, 11):
        files[number].write_bytes(b"damaged %d" % number)
    skipping = SMALL.replace(on_error="skip")
    alone = score_small(files, config=skipping)
    spread = score_small(files, config=skipping, cluster=cluster)
    same(alone, spread)
    assert [failure.name for failure in spread.failures] == ["04", "05", "06", "07", "11"]
    assert [failure.message for failure in spread.failures] == [
        failure.message for failure in alone.failures
    ]
    with pytest.raises(InputError) as error:
        score_small(files, cluster=cluster)
    assert all(f"{name}.npy" in str(error.value) for name in ("04", "05", "06", "07", "11"))


def killing(monkeypatch, folder, names):
    """Let the worker die that first runs any of the functions of these names."""
    run = session.Session.run

    def dying(self, function, *arguments, **options):
        if function.__name__ not in names:
            return run(self, function, *arguments, **options)
        return run(self, dying_tasks.dying_once, str(folder), function, *arguments, **options)

    monkeypatch.setattr(session.Session, "run", dying)


def test_a_worker_that_dies_in_the_search(cluster, images, monkeypatch, tmp_path):
    killing(monkeypatch, tmp_path, ["pairs"])
    same(score_small(images), score_small(images, cluster=cluster))
    assert [path.name for path in tmp_path.iterdir()] == ["pairs"]


@pytest.mark.long
@pytest.mark.parametrize("stage", STAGES + FURTHER)
def test_a_worker_that_dies_in_any_stage(cluster, images, scans, rng, monkeypatch, tmp_path, stage):
    """36 references, of which 32 are chosen for the unit."""
    options = {"encoder_2d": parts.Coarse(), "encoder_3d": parts.spread, "config": SMALL}
    options["references"] = {"rgb": parts.images(rng, 36), "pcd": parts.maps(rng, 36)}
    alone = score(images, scans, **options)
    killing(monkeypatch, tmp_path, [stage])
    same(alone, score(images, scans, cluster=cluster, **options))
    assert [path.name for path in tmp_path.iterdir()] == [stage]


@pytest.mark.long
def test_features_beyond_the_object_store(cluster, rng):
    images = parts.images(rng, 64, (56, 56))
    options = {"encoder_2d": dying_tasks.Wide(), "config": Config(input_size=56)}
    features = 64 * 2 * 28 * 28 * 255 * 4
    assert features > STORE
    same(score(images, **options), score(images, cluster=cluster, **options))


def test_versions_must_be_equal(cluster, images, monkeypatch):
    monkeypatch.setattr(session, "versions", lambda: {**worker.versions(), "torch": "1.0"})
    with pytest.raises(ClusterError, match=r"torch must have the same version .* 1\.0 here, 2"):
        score_small(images, cluster=cluster)


def test_an_encoder_that_cannot_be_sent_is_named(cluster, images):
    lock = __import__("threading").Lock()

    def locked(pixels):
        with lock:
            return parts.colors(pixels)

    with pytest.raises(InputError, match="encoder_2d must be picklable with cluster, got locked"):
        score_small(images, encoder_2d=locked, cluster=cluster)


def test_errors_of_encoders_are_those_of_one_process(cluster, images):
    def flat(pixels):
        return pixels.mean((2, 3))

    with pytest.raises(InputError, match="the encoder flat must return"):
        score_small(images, encoder_2d=flat, cluster=cluster)


def test_the_head_is_looked_at_while_tasks_run(cluster, monkeypatch):
    ray = pytest.importorskip("ray")
    monkeypatch.setattr(session, "_BETWEEN", 0.1)
    own = session.Session(ray)
    assert own.get([own.run(time.sleep, 0.5)]) == [None]
    with socket.create_server(("127.0.0.1", 0)) as server:
        own._head = f"127.0.0.1:{server.getsockname()[1]}"  # of a head that is gone
        start = time.monotonic()
        with pytest.raises(ClusterError, match=f"{own._head}, does not answer any more"):
            own.get([own.run(time.sleep, 2)])
    assert own.is_gone
    assert time.monotonic() - start < 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cluster": 3}, r'cluster must be "ray" or the address HOST:PORT .* got 3'),
        ({"cluster": "ray://head:10001"}, "cluster must be"),
        ({"cluster": "ray", "device": "cuda"}, 'device must be "auto" or "cpu" with cluster'),
        (
            {"cluster": "ray", "config": SMALL.replace(subset_count=2)},
            "config.subset_count must be 1 with cluster, got 2",
        ),
        (
            {"cluster": "ray", "config": SMALL.replace(tile=32)},
            "config.tile must be None with cluster, got 32",
        ),
    ],
)
def test_arguments_that_a_cluster_does_not_support_are_named(images, options, message):
    with pytest.raises(InputError, match=message):
        score_small(images, **options)


def test_without_ray_the_extra_is_named(images, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ClusterError, match=r"pip install 'musc2\[ray\]'"):
        score_small(images, cluster="ray")


def test_a_process_group_is_refused(images, monkeypatch):
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    with pytest.raises(ClusterError, match=r"without torchrun, and pass cluster=\"ray\""):
        score_small(images)


def test_the_command(cluster, images, tmp_path, capsys):
    from PIL import Image

    for index, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{index:02}.png")
    arguments = ["score", str(tmp_path), "--encoder-2d", "texture", "--set", "input_size=48"]
    assert main([*arguments, "--format", "csv"]) == 0
    alone = capsys.readouterr().out
    assert main([*arguments, "--format", "csv", "--cluster", "ray"]) == 0
    assert capsys.readouterr().out == alone


@pytest.mark.long
def test_a_cluster_of_two_workers_that_score_starts_itself(images, tmp_path):
    """In a process of its own: this one may have a cluster."""
    pytest.importorskip("ray")
    np.save(tmp_path / "images.npy", images)
    code = (
        "import sys, numpy as np, musc2, ray\n"
        "images = np.load(sys.argv[1])\n"
        "config = musc2.Config(input_size=48, search_window='auto')\n"
        "options = {'encoder_2d': 'texture', 'config': config, 'references': {'rgb': images[9:]}}\n"
        "images = images[:9]\n"
        "one, two = musc2.score(images, **options), musc2.score(images, cluster='ray', **options)\n"
        "assert one.scores.equal(two.scores) and not ray.is_initialized()\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "images.npy")]
    environment = {**os.environ, "RAY_OVERRIDE_RESOURCES": '{"CPU": 2}'}
    subprocess.run(command, check=True, timeout=180, env=environment)


def test_blocks_have_at_most_64_parts_and_fewer_where_there_are_few():
    assert blocks.block_size(10_000, 16) == 64
    assert blocks.block_size(100, 2) == 16
    assert musc2.errors.ClusterError in musc2.errors.MuscError.__subclasses__()
