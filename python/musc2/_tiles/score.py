"""Score images by their tiles: samples -> tokens of tiles -> the method -> a Result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from musc2 import inputs, method, part_encoding
from musc2._arguments import samples as sample_arguments
from musc2._tiles.alignment import Alignment
from musc2._tiles.encoding import TileSet, encoded, fit_images
from musc2._tiles.loading import TiledLoader
from musc2._tiles.scores import TileGroup, scored_parts
from musc2.by_modality import ByModality
from musc2.config import Config
from musc2.encoders import TokenDefaults
from musc2.encoders.selection import Encoders
from musc2.maps import Frame
from musc2.method import ScoredParts
from musc2.progress import StageTimer
from musc2.result import Result
from musc2.stages import copies, encode


def score(
    samples: Sequence[inputs.Sample],
    references: Sequence[inputs.Sample],
    encoders: Encoders,
    config: Config,
    timer: StageTimer,
    *,
    references_are_good: bool,
) -> Result:
    """Return the scores of images that are cut into tiles; references are cut likewise."""
    preparation = part_encoding.preparation(encoders, config)
    loaders = [TiledLoader(own, config, timer) for own in (samples, references)]
    alignment = Alignment(tile=config.tile or 0, overlap=config.tile_overlap)
    for loader in reversed(loaders):  # parts lie as the first reference does, if there is one
        loader.align(alignment)
    with timer.stage("fit"):
        encoders = encoders.fitted(fit_images(loaders, preparation), list, config.seed)
    pairs = encode.pairs(len(encoders.images), 0)
    defaults = encoders.token_defaults(config, pairs)
    parts = encoded(loaders[0], preparation, encoders, config, timer)
    like = parts.layouts[0].size if parts.layouts else None
    partners = encoded(loaders[1], preparation, encoders, config, timer, like)
    errors = [*loaders[0].errors, *loaders[1].errors]
    counts = (len(samples), len(references))
    sample_arguments.check_enough(parts.count, partners.count, counts, errors)
    device = part_encoding.device_of(encoders, method.OPS)
    task = _Task(config, timer, defaults, device)
    result = task.result(parts, partners, references_are_good)
    return replace(
        result,
        encoders=encoders.names(),
        runtimes=encoders.runtimes(),
        failures=sample_arguments.failures(loaders[0].errors, loaders[1].errors),
        timings=dict(timer.seconds),
        _samples=[output.sample for output in parts.outputs],
    )


class _Task:
    """What the samples and the references are scored with."""

    def __init__(
        self,
        config: Config,
        timer: StageTimer,
        defaults: list[ByModality[TokenDefaults]],
        device: str,
    ) -> None:
        self._config, self._timer = config, timer
        self._defaults, self._device = defaults, device

    def result(self, parts: TileSet, partners: TileSet, all_good: bool) -> Result:
        """Return the Result of all parts."""
        everyone = TileGroup(tiles=parts, rows=list(range(parts.count)))
        references = TileGroup(tiles=partners, rows=list(range(partners.count)))
        peers: ScoredParts | None = None
        rows = method.peer_rows(partners.count, self._config, all_good)
        if rows is not None:
            nobody = TileGroup(tiles=TileSet(), rows=[])
            plain = self._config.replace(subset_count=1)
            peers = self._scored(TileGroup(tiles=partners, rows=rows), nobody, plain, None)
        scored = self._scored(everyone, references, self._config, peers)
        names = [output.name for output in parts.outputs]
        copied = scored.patches[0].copies
        if copied is not None:
            copies.warn(copied, names)
        # A defect is not larger in a larger image: the share is that of one tile.
        share = self._config.map_top_share * parts.tile_share(0)
        result = method.conclude(
            scored,
            self._defaults,
            self._config.replace(map_top_share=share),
            self._timer,
            names=names,
            paths=[output.path for output in parts.outputs],
            peers=peers,
            references_are_good=all_good,
        )
        return replace(result, config=self._config)

    def _scored(
        self, samples: TileGroup, references: TileGroup, config: Config, peers: ScoredParts | None
    ) -> ScoredParts:
        outputs = [samples.tiles.outputs[row] for row in samples.rows]
        frames: list[Frame] = sample_arguments.frames(outputs) or []
        levels = [] if peers is None else peers.levels
        return scored_parts(
            samples,
            references,
            self._defaults,
            config,
            self._timer,
            frames,
            levels,
            self._device,
        )
