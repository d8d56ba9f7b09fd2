"""``score`` and ``score_tokens``: arguments -> tokens -> the method -> a Result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from musc2 import _tiles, inputs, method, part_encoding
from musc2._arguments import samples as sample_arguments
from musc2._arguments import tokens as token_arguments
from musc2._arguments.cluster import check_cluster, refuse_process_group
from musc2._arguments.config import resolve
from musc2._cluster import scoring, session
from musc2.cloud import Cloud
from musc2.config import Config
from musc2.encoders import selection
from musc2.encoders.contract import PUBLISHED_DEFAULTS
from musc2.encoders.selection import Encoders
from musc2.inputs.parts import OutputSpec
from musc2.ops._support import arrays
from musc2.ops._support.threads import serial_torch
from musc2.progress import Report, StageTimer, reporting
from musc2.result import Result
from musc2.stages import encode, subsets
from musc2.tokens import PartSet
from musc2.torch_state import default_torch_state


def score(
    rgb: object = None,
    pcd: object = None,
    *,
    masks: object = None,
    references: Mapping[str, Any] | None = None,
    references_are_good: bool = False,
    intrinsics: object = None,
    config: Config | str = "musc-v2",
    encoder_2d: object = "auto",
    encoder_3d: object = "auto",
    device: str = "auto",
    names: Sequence[str] | None = None,
    progress: bool | Report = False,
    cluster: str | None = None,
) -> Result:
    """Score unlabelled images and/or 3D scans of at least two parts of a kind.

    Args:
        rgb: Images: (N, H, W, 3) or (N, 3, H, W), a list of arrays, PIL images or paths of any
            size, or a folder.
        pcd: Scans, matched with rgb by position: xyz maps (N, H, W, 3), a list of maps and paths, a
            folder, clouds (P, 3) without rgb, or depth (N, H, W) with ``intrinsics``.
        masks: (N, H, W), a list or a folder; foreground is not 0. Outside, maps are 0 and count for
            no score.
        references: {"rgb": ..., "pcd": ..., "masks": ...}: parts that others are compared with and
            that are not scored.
        references_are_good: Whether none of the references is defective. They are then scored among
            themselves (``result.reference_scores``), and all of them say what is normal.
        intrinsics: (fx, fy, cx, cy) in pixels or the 3 x 3 matrix, if pcd is depth.
        config: A preset, "musc-v2", "published" or "musc" (v1, images only), or a ``Config``.
        encoder_2d: A name of ``musc2.encoders.names()``, also NAME@SIZE with the side of its
            images, an encoder, or a callable of images (B, 3, H, W) in [0, 1] -> (B, h, w, C) or
            (B, layers, h, w, C); or a list of these, whose scores are fused. "auto" takes
            the best network whose weights are on this machine, else efficientnet-lite0 if its
            package is installed, else the built-in texture, and says so; it never downloads.
        encoder_3d: The same for points, point-mae or shape; a callable of (cloud, groups) -> (G, C)
            or (layers, G, C).
        device: "auto", "cpu" or "cuda": of the encoders and, if musc2 has CUDA kernels, of all that
            follows.
        names: One per part; default: the file stems, else the positions.
        progress: True for a line of progress, or a callback(stage, done, total).
        cluster: "ray", or the address HOST:PORT of the head of a Ray cluster, whose workers read,
            encode and compare the parts; "ray" starts one on this machine if it finds none.

    Returns:
        A Result: scores, maps at the size of the image, else of the xyz map; for clouds (P, 3),
        ``point_scores``, one score per point.

    >>> parts = torch.rand(4, 48, 64, 3, generator=torch.Generator().manual_seed(0))
    >>> score(parts, encoder_2d="texture").maps[0].shape
    torch.Size([48, 64])
    """
    settings = resolve("score", config)
    refuse_process_group()
    if cluster is not None:
        cluster = check_cluster(cluster, settings, device)
        device = "cpu"
    with default_torch_state(), serial_torch(), reporting(progress) as report:
        timer = StageTimer(report)
        with timer.stage("inputs"):
            limits = sample_arguments.input_limits(settings)
            samples = inputs.pair(
                rgb, pcd, intrinsics=intrinsics, masks=masks, names=names, limits=limits
            )
            all_good = sample_arguments.check_good_references(references_are_good, references)
            references_given = sample_arguments.reference_samples(
                references, samples, intrinsics, limits
            )
            sample_arguments.check_together(samples, len(references_given), settings)
            if settings.tile is not None:
                _tiles.check_tiles("score", samples, settings)
            arguments = {"rgb": rgb, "pcd": pcd}
            inputs.warn_unusual([*samples, *references_given], arguments, stacklevel=2)
            subsets.split(len(samples), settings.subset_count, settings.seed)
        with timer.stage("load"):
            encoders = selection.select(
                encoder_2d,
                encoder_3d,
                settings,
                device,
                images=samples[0].image is not None,
                points=samples[0].cloud is not None,
            )
        if settings.tile is not None:
            return _tiles.score(
                samples,
                references_given,
                encoders,
                settings,
                timer,
                references_are_good=all_good,
            )
        if cluster is not None:
            with session.connected(cluster) as connection:
                scored = scoring.score(
                    connection,
                    samples,
                    references_given,
                    encoders,
                    settings,
                    timer,
                    references_are_good=all_good,
                )
            return _finished(
                scored.result,
                scored.outputs,
                scored.encoders,
                scored.errors,
                timer,
                scored.reference_errors,
            )
        # Sections 0 and 2, as they are needed.
        parts = part_encoding.loader(samples, encoders, settings, timer)
        reference_parts = part_encoding.loader(references_given, encoders, settings, timer)
        with timer.stage("fit"):
            encoders = part_encoding.fitted(encoders, [parts, reference_parts], settings.seed)
        pairs = encode.pairs(len(encoders.images), len(encoders.points))
        defaults = encoders.token_defaults(settings, pairs)
        encoded = part_encoding.encoded(
            parts, parts.count, encoders, settings, timer
        )  # sections 1 and 3
        encoded_references = part_encoding.encoded(
            reference_parts, reference_parts.count, encoders, settings, timer
        )
        sample_arguments.check_enough(
            len(encoded.outputs),
            len(encoded_references.outputs),
            (len(samples), len(references_given)),
            [*parts.errors, *reference_parts.errors],
        )
        result = method.score_parts(  # sections 4 to 9
            part_encoding.part_set(encoded, settings),
            part_encoding.part_set(encoded_references, settings),
            defaults,
            settings,
            timer,
            names=[output.name for output in encoded.outputs],
            paths=[output.path for output in encoded.outputs],
            references_are_good=all_good,
        )
        return _finished(
            result, encoded.outputs, encoders, parts.errors, timer, reference_parts.errors
        )


def _finished(
    result: Result,
    outputs: Sequence[OutputSpec],
    encoders: Encoders,
    errors: Sequence[inputs.LoadError],
    timer: StageTimer,
    reference_errors: Sequence[inputs.LoadError] = (),
) -> Result:
    """Return the result with what is known of the parts' inputs."""
    return replace(
        result,
        point_scores=part_encoding.point_scores(result, outputs),
        encoders=encoders.names(),
        runtimes=encoders.runtimes(),
        failures=sample_arguments.failures(errors, reference_errors),
        timings=dict(timer.seconds),
        _samples=[output.sample for output in outputs],
    )


def score_tokens(
    image_tokens: arrays.Array | None = None,
    point_tokens: arrays.Array | None = None,
    clouds: Sequence[Cloud] | None = None,
    *,
    image_size: tuple[int, int] | None = None,
    class_tokens: arrays.Array | None = None,
    references: Mapping[str, Any] | None = None,
    config: Config | str = "musc-v2",
    names: Sequence[str] | None = None,
) -> Result:
    """Score parts whose tokens you have already.

    Args:
        image_tokens: (N, layers, h, w, C) float32.
        point_tokens: (N, layers, G, C) float32, with N clouds.
        clouds: One ``Cloud`` per part; ``musc2.make_cloud`` makes them.
        image_size: (H, W) of the maps, if there are no clouds.
        class_tokens: (N, C) features by which re-scoring compares images.
        references: A mapping with the keys image_tokens, point_tokens, clouds: parts that others
            are compared with and that are not scored.
        config: A preset or a ``Config``, as for ``score``.
        names: One per part; default: the positions.

    Returns:
        A Result on the CPU; tokens on a GPU are scored there.

    >>> tokens = torch.rand(6, 3, 8, 8, 16, generator=torch.Generator().manual_seed(0))
    >>> score_tokens(tokens, image_size=(64, 64)).maps[0].shape
    torch.Size([64, 64])
    """
    settings = resolve("score_tokens", config)
    with default_torch_state(), serial_torch():
        timer = StageTimer()
        with timer.stage("inputs"):
            tokens = token_arguments.check_tokens(image_tokens, point_tokens, clouds)
            class_features = token_arguments.check_class_tokens(class_tokens, tokens)
            samples = replace(tokens, class_tokens=class_features)
            reference_tokens = token_arguments.check_references(references, samples, settings)
            frames = token_arguments.check_frames(samples, image_size)
            reference_frames = None
            if frames is not None and reference_tokens.count:
                reference_frames = token_arguments.check_frames(reference_tokens, image_size)
            token_arguments.check_together(samples, reference_tokens, settings)
            part_names = token_arguments.check_names(names, samples.count)
        defaults = PUBLISHED_DEFAULTS.override(settings)
        return method.score_parts(
            PartSet(views=[samples], frames=frames),
            PartSet(views=[reference_tokens], frames=reference_frames),
            [samples.by_modality.map(lambda tokens: defaults)],
            settings,
            timer,
            names=part_names,
            paths=[None] * samples.count,
        )
