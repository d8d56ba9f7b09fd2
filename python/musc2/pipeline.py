"""The method from images and scans on, one line per stage, as ALGORITHM.md tells it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

from musc2 import inputs
from musc2.config import Config
from musc2.encoders import ImageEncoder, PointEncoder
from musc2.encoders.contract import usable_device
from musc2.ops import Groups, forked, gpu
from musc2.parts import OnDemand, Origin, Part, Parts
from musc2.progress import Progress, Report, reporting
from musc2.scoring import OWN_TOKENS, matched, scored, settings_of
from musc2.stages import choose, encode, maps, samples, subsets
from musc2.stages.group import group_clouds
from musc2.stages.tokens import Tokens
from musc2.token_scores import Matchings
from musc2.types import Cloud, Scores


def score(
    rgb: object = None,
    pcd: object = None,
    *,
    intrinsics: object = None,
    masks: object = None,
    references: Mapping[str, Any] | None = None,
    preset: str = "musc-v2",
    config: Config | None = None,
    encoder_2d: object = "auto",
    encoder_3d: object = "auto",
    device: str = "auto",
    progress: bool | Report = False,
    names: Sequence[str] | None = None,
) -> Scores:
    """Images and/or 3D scans of at least two parts of a kind, unlabelled -> a score and a map for each.

    rgb: (N, H, W, 3) or (N, 3, H, W), a list of arrays, images or paths of any size, or a folder. pcd: (N, H, W, 3) xyz
    maps, a list of maps and paths, clouds (P, 3) without rgb, or depth (N, H, W) with ``intrinsics`` (fx, fy, cx, cy).
    ``musc2.inputs`` says what else. Both are matched by position.

    - masks: (N, H, W), foreground is not 0. Outside, maps are 0 and count for no score.
    - references: {"rgb": ..., "pcd": ..., "masks": ...}, parts that score the others and are not scored.
    - preset: "musc-v2", "published" or "musc" (v1, images only); ``config`` takes its place for other settings.
    - encoder_2d, encoder_3d: a name of ``musc2.encoders.names()``, an encoder, or a callable: of images
      (B, 3, H, W) in [0, 1] -> (B, h, w, C) or (B, layers, h, w, C); of (cloud, groups) -> (G, C) or (layers, G, C).
      "auto" takes dino-vitb8 and point-mae where their weights are on this machine, else the built-in texture and
      shape with a warning; it never downloads.
    - device: "auto", "cpu" or "cuda": of the encoders and, where musc2 has CUDA kernels, of all that follows.
    - progress: True for bars, or a callback(stage, done, total).

    Maps have the size of the image, else of the xyz map; clouds (P, 3) get ``points``, one score per point.

    >>> parts = torch.rand(4, 48, 64, 3, generator=torch.Generator().manual_seed(0))
    >>> score(parts, encoder_2d="texture").maps.shape
    torch.Size([4, 48, 64])
    """
    with forked.serial_torch(), reporting(progress) as report:
        clock, settings = Progress(report), settings_of("score", preset, config)
        with clock("inputs"):
            given = inputs.pair(rgb, pcd, intrinsics=intrinsics, masks=masks, names=names)
            earlier = samples.references(references, given, intrinsics)
            samples.check_together(given, len(earlier), degrees_apart=settings.degrees_apart, window=settings.window)
            subsets.split(len(given), settings.subsets, settings.seed)
        with clock("load"):
            encoders = _encoders(encoder_2d, encoder_3d, given[0], settings, device)
        parts = _parts(given, encoders, settings, clock)  # §0, §2, as they are needed
        others = _parts(earlier, encoders, settings, clock, samples.of_references)
        with clock("fit"):
            _fit(encoders, [parts, others], settings.seed)
        mine, theirs = (_encoded(each, encoders, settings, clock) for each in (parts, others))  # §1, §3
        failures = [*parts.failures, *others.failures]
        samples.check_left(len(mine.origins), len(theirs.origins), failures, wanted=len(earlier))
        result = scored(  # §4 to §8
            Tokens(mine.image, mine.point, mine.clouds),
            Tokens(theirs.image, theirs.point, theirs.clouds),
            encoders.matchings(settings),
            settings,
            clock,
            sizes=samples.sizes(mine.origins, working=True),
            class_tokens=mine.classes if settings.by_class_tokens else None,
            masks=samples.masks(mine.origins),
        )
        with clock("maps"):
            result = _at_own_size(result, mine.origins, working=settings.map_size == "working")
        failed = samples.failed(parts.failures, others.failures)
        return replace(result, encoders=encoders.names(), failures=failed, timings=dict(clock.seconds))


@dataclass(frozen=True, eq=False)
class _Encoders:
    image: ImageEncoder | None
    point: PointEncoder | None
    device: str

    def device_of(self, *names: str) -> str:
        """Where the ops of these names run: where the encoders do if they can, else on the CPU."""
        return self.device if all(gpu.serves(name) for name in names) else "cpu"

    def names(self) -> dict[str, str]:
        given = {"2d": self.image, "3d": self.point}
        return {modality: encoder.name for modality, encoder in given.items() if encoder is not None}

    def matchings(self, config: Config) -> Matchings:
        image, point = (OWN_TOKENS if each is None else each.matching for each in (self.image, self.point))
        return matched(image, config), matched(point, config)


def _encoders(of_images: object, of_points: object, first: inputs.Sample, config: Config, device: str) -> _Encoders:
    """The encoders of the modalities that are there."""
    of_images = None if first.image is None else of_images
    of_points = None if first.cloud is None else of_points
    of_images, of_points = choose.automatic(of_images, of_points, stacklevel=4)
    where, precision = str(usable_device("score", device)), config.encoder_precision
    return _Encoders(
        None if first.image is None else choose.image_encoder(of_images, where, precision, config.layers),
        None if first.cloud is None else choose.point_encoder(of_points, where, precision),
        where,
    )


def _parts(
    given: Sequence[inputs.Sample],
    encoders: _Encoders,
    config: Config,
    clock: Progress,
    errors: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Parts:
    image = encoders.image
    how = inputs.Preparation(
        size=choose.side(image, config.size),
        resample=config.resample or ("bicubic" if image is None else image.resample),
        resize=config.resize,
        patch=getattr(image, "patch", 1),
        foreground=config.foreground,
        background=config.background,
        plane_distance=config.plane_distance,
        seed=config.seed,
    )

    where = encoders.device_of("farthest_points", "group_points")

    def group(given: Sequence[inputs.Points]) -> list[tuple[Cloud, Groups]]:
        return group_clouds(
            [each.points for each in given],
            [each.pixels for each in given],
            [each.size for each in given],
            count=config.centers,
            group_size=config.group_size,
            start=config.start,
            search=config.search,
            threshold=config.threshold,
            unique=config.unique,
            skip_radius=config.skip_radius,
            device=where,
        )

    most = encode.most(encoders.device)
    together = 1 if where == "cpu" else most
    return Parts(given, how, group, clock, on_error=config.on_error, ahead=most, together=together, errors=errors)


def _fit(encoders: _Encoders, sets: list[Parts], seed: int) -> None:
    """Encoders that learn from the set look at it, which reads and keeps all of it; networks do not."""

    def every() -> Iterator[Part]:
        return (part for parts in sets for part in parts.all)

    if encoders.image is not None:
        images = OnDemand(lambda: [part.prepared.image for part in every() if part.prepared.image is not None])
        encoders.image.fit(images, seed=seed)
    if encoders.point is not None:
        encoders.point.fit(OnDemand(lambda: [part.cloud for part in every() if part.cloud is not None]), seed=seed)


def _encoded(parts: Parts, encoders: _Encoders, config: Config, clock: Progress) -> encode.Encoded:
    return encode.encode(
        parts,
        parts.count,
        encoders.image,
        encoders.point,
        clock,
        memory=config.memory,
        most=encode.most(encoders.device),
        device=encoders.device_of("score_tokens"),
    )


def _at_own_size(result: Scores, origins: Sequence[Origin], *, working: bool) -> Scores:
    """Maps as large as what was given, unless the working size is wanted, and one score for each point of a cloud."""
    sizes, masks = samples.sizes(origins), samples.masks(origins)
    result = replace(result, names=[origin.name for origin in origins])
    if working and sizes is not None:
        return result
    if sizes is None:
        pairs = zip(result.points or [], origins, strict=True)
        return replace(result, points=[maps.scattered(values, each.rows, each.given) for values, each in pairs])
    maps_2d, maps_3d = (maps.masked(maps.resized(m, sizes), masks) for m in (result.maps_2d, result.maps_3d))
    summed = maps.stacked(maps.summed(maps_2d, maps_3d))
    if maps_2d is None or maps_3d is None:  # the only modality's maps are the maps
        image, point = (summed, None) if maps_3d is None else (None, summed)
    else:
        image, point = maps.stacked(maps_2d), maps.stacked(maps_3d)
    return replace(result, maps=summed, maps_2d=image, maps_3d=point, points=None)
