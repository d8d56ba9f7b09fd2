"""``Scorer``: the same method for one part at a time, against a bank of parts."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch

from musc2 import _forks, _tiles, checks, inputs, method, part_encoding
from musc2._arguments import bank as bank_arguments
from musc2._arguments import samples as sample_arguments
from musc2._arguments.config import resolve
from musc2._bank import calibration, files, new_parts, scoring
from musc2._bank.calibration import Calibration
from musc2._bank.new_parts import Defaults, NewParts
from musc2._bank.store import Bank
from musc2.config import Config
from musc2.encoders.selection import Encoders
from musc2.method import ScoredParts
from musc2.ops._support.threads import serial_torch
from musc2.progress import Report, StageTimer, reporting
from musc2.result import Result
from musc2.stages import subsets
from musc2.torch_state import default_torch_state
from musc2.verdict import Threshold

STORAGE = {"float32": torch.float32, "float16": torch.float16}


class Scorer:
    """Score parts one at a time against a bank of earlier ones.

    ``Scorer.fit`` reads and encodes the parts of the bank once; ``score`` costs one part. A part's
    score does not depend on the parts that are scored with it. Methods may be called from several
    threads and take turns.

    >>> parts = torch.rand(6, 32, 32, 3, generator=torch.Generator().manual_seed(0))
    >>> scorer = Scorer.fit(parts[:5], config=Config(input_size=32), encoder_2d="texture")
    >>> scorer.score(parts[5:], names=["new"]).names
    ['new']
    """

    def __init__(
        self,
        bank: Bank,
        encoders: Encoders,
        specifications: bank_arguments.Specifications,
        *,
        references_are_good: bool,
        capacity: int | None = None,
        drop: str = "oldest",
    ) -> None:
        """Use ``Scorer.fit`` or ``Scorer.load``."""
        self._bank = bank
        self._encoders = encoders
        self._specifications = specifications
        self._references_are_good = references_are_good
        self._capacity = capacity
        self._drop = drop
        self._added = 0
        self._calibration: Calibration | None = None
        self._lock = _forks.Lock("Scorer")

    @classmethod
    def fit(
        cls,
        rgb: object = None,
        pcd: object = None,
        *,
        masks: object = None,
        intrinsics: object = None,
        config: Config | str = "musc-v2",
        encoder_2d: object = "auto",
        encoder_3d: object = "auto",
        device: str = "auto",
        references_are_good: bool = False,
        names: Sequence[str] | None = None,
        storage: str = "float32",
        keep_distances: bool = True,
        bank_size: float | None = None,
        capacity: int | None = None,
        drop: str = "oldest",
        progress: bool | Report = False,
    ) -> Scorer:
        """Return a scorer with these parts as its bank; at least 2.

        Args:
            rgb: As for ``musc2.score``, like pcd, masks, intrinsics, config, encoder_2d,
                encoder_3d, device, names and progress. Encoders that learn do it here, once.
            pcd: The scans.
            masks: Foreground masks.
            intrinsics: Of the camera, if pcd is depth.
            config: A preset or a ``Config``.
            encoder_2d: Of images.
            encoder_3d: Of scans.
            device: Of all computation.
            references_are_good: Whether none of the parts is defective: the threshold is above the
                scores that they let expect.
            names: One per part.
            storage: "float32", or "float16" for half the memory of features.
            keep_distances: Keep the distances between all parts of the bank, so that ``scores``
                and ``calibrate`` need not measure them again; 4 * N * patches bytes a part and
                layer.
            bank_size: Share of each part's patches that are kept, chosen to cover all of them: 0.1
                is a tenth of the features and of the time to compare. Such a bank keeps no
                distances; ``scores`` and ``calibrate`` need the whole parts and are refused.
            capacity: Number of parts that the bank holds at most; ``add`` drops others then.
            drop: "oldest", or "alike": the older of the two parts that are most alike.
            progress: True for a line of progress, or a callback.
        """
        settings = resolve("Scorer.fit", config)
        bank_arguments.check_options(storage, keep_distances, capacity, drop, bank_size, settings)
        bank_arguments.check_flag("references_are_good", references_are_good)
        with default_torch_state(), serial_torch(), reporting(progress) as report:
            timer = StageTimer(report)
            samples = inputs.pair(
                rgb,
                pcd,
                intrinsics=intrinsics,
                masks=masks,
                names=names,
                op="Scorer.fit",
                limits=sample_arguments.input_limits(settings),
            )
            sample_arguments.check_together(samples, 0, settings)
            if settings.tile is not None:
                _tiles.check_tiles("Scorer.fit", samples, settings)
            if capacity is not None and len(samples) > capacity:
                requirement = f"must be at least the {len(samples)} parts"
                checks.refuse("Scorer.fit", "capacity", requirement, capacity)
            subsets.split(len(samples), settings.subset_count, settings.seed)
            specifications, encoders = bank_arguments.select(
                encoder_2d,
                encoder_3d,
                settings,
                device,
                images=samples[0].image is not None,
                points=samples[0].cloud is not None,
                intrinsics=intrinsics,
            )
            encoders, parts = new_parts.fitted(samples, encoders, settings, timer)
            bank = Bank(
                config=settings,
                storage=STORAGE[storage],
                keeps_distances=keep_distances and bank_size is None,
                share=bank_size,
                alignment=parts.alignment,
            )
            scorer = cls(
                bank,
                encoders,
                specifications,
                references_are_good=references_are_good,
                capacity=capacity,
                drop=drop,
            )
            bank.add(parts.features, parts.names, parts.paths)
            scorer._added = len(samples)
            scorer._calibrate()
            bank.forget_whole()
        return scorer

    def score(
        self,
        rgb: object = None,
        pcd: object = None,
        *,
        masks: object = None,
        intrinsics: object = None,
        names: Sequence[str] | None = None,
        progress: bool | Report = False,
    ) -> Result:
        """Return the scores of one or many new parts, each against the bank, which stays as it is.

        The arguments are those of ``musc2.score``. Scores are in the bank's unit, ``threshold`` and
        ``map_threshold`` are the bank's; there is no re-scoring. A part that is in the bank is
        noticed, with a warning, and its copy there does not vouch for it.
        """
        sources = {"rgb": rgb, "pcd": pcd, "masks": masks, "intrinsics": intrinsics}
        with self._lock, default_torch_state(), serial_torch(), reporting(progress) as report:
            parts = self._read(sources, names, "Scorer.score", report)
            timer = parts.timer
            own = self._calibrated()
            scored = scoring.against(
                self._bank, parts.features, self._defaults(), own.levels, timer
            )
            message = "Scorer.score: parts that are in the bank do not vouch for themselves"
            copied = scored.patches[0].copies
            scoring.warn_copies(self._bank, copied, parts.names, message)
            result = method.conclude(
                scored,
                self._defaults(),
                self._bank.map_config,
                timer,
                names=parts.names,
                paths=parts.paths,
                divisors=own.divisors,
                references_are_good=self._references_are_good,
            )
            return replace(
                result,
                config=self.config,
                point_scores=part_encoding.point_scores(result, parts.outputs),
                encoders=self._encoders.names(),
                runtimes=self._encoders.runtimes(),
                failures=parts.failures,
                matches=None,
                bank_thresholds=own.bank_thresholds,
                reference_scores=own.raw_scores if self._references_are_good else None,
                timings=dict(timer.seconds),
                _samples=[output.sample for output in parts.outputs],
            )

    def scores(self) -> Result:
        """Return the scores of the bank's own parts, each against all others.

        They are those of ``musc2.score`` on the same parts with the encoders as they were fitted,
        whatever the order in which parts were added, and are in the unit of this very set.
        """
        bank_arguments.check_whole_bank("Scorer.scores", self.bank_size)
        with self._lock, default_torch_state(), serial_torch():
            return self._own_scores()[0]

    def add(
        self,
        rgb: object = None,
        pcd: object = None,
        *,
        masks: object = None,
        intrinsics: object = None,
        names: Sequence[str] | None = None,
        progress: bool | Report = False,
    ) -> list[str]:
        """Add parts to the bank and return the names of those that were dropped for them.

        Encoders, unit and thresholds stay; ``calibrate`` takes the latter two from all parts.
        """
        sources = {"rgb": rgb, "pcd": pcd, "masks": masks, "intrinsics": intrinsics}
        with self._lock, default_torch_state(), serial_torch(), reporting(progress) as report:
            parts = self._read(sources, names, "Scorer.add", report)
            if names is None:
                parts = parts.numbered(self._added)
            for name in parts.names:
                if name in self._bank.names:
                    requirement = "must not be in the bank yet"
                    checks.refuse("Scorer.add", "names", requirement, repr(name))
            copied = scoring.copies_in(self._bank, parts.features)
            message = "Scorer.add: parts are in the bank already"
            scoring.warn_copies(self._bank, copied, parts.names, message)
            self._bank.add(parts.features, parts.names, parts.paths)
            self._added += len(parts.names)
            return self._bank.shrink(self._capacity, self._drop)

    def remove(self, names: str | Sequence[str]) -> None:
        """Remove parts from the bank; at least 2 stay. Unit and thresholds stay as they are."""
        with self._lock:
            listed = [names] if isinstance(names, str) else list(names)
            self._bank.remove_all(listed, "Scorer.remove")

    def calibrate(self) -> None:
        """Take the unit of scores and the thresholds from the parts that are in the bank now."""
        bank_arguments.check_whole_bank("Scorer.calibrate", self.bank_size)
        self._calibrate()

    def _calibrate(self) -> None:
        with self._lock, default_torch_state(), serial_torch():
            result, scored = self._own_scores()
            self._calibration = calibration.calibration_of(result, scored.levels)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all of it as one file."""
        with self._lock:
            state = files.ScorerState(
                bank=self._bank,
                encoders=self._encoders,
                specifications=self._specifications,
                calibration=self._calibrated(),
                references_are_good=self._references_are_good,
                capacity=self._capacity,
                drop=self._drop,
                added=self._added,
            )
            files.write(state, Path(path))

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        encoder_2d: object = None,
        encoder_3d: object = None,
        device: str = "auto",
        verify: bool = True,
    ) -> Scorer:
        """Return what ``save`` wrote; the file is mapped into memory.

        Args:
            path: The file.
            encoder_2d: The encoder or encoders of the bank, if they have no name that loads them,
                such as your own callables.
            encoder_3d: The same for scans.
            device: Of all computation.
            verify: Whether to read all of the file to compare its checksums.
        """
        state = files.read(
            Path(path), encoder_2d=encoder_2d, encoder_3d=encoder_3d, device=device, verify=verify
        )
        scorer = cls(
            state.bank,
            state.encoders,
            state.specifications,
            references_are_good=state.references_are_good,
            capacity=state.capacity,
            drop=state.drop,
        )
        scorer._calibration, scorer._added = state.calibration, state.added
        return scorer

    def __len__(self) -> int:
        return len(self._bank.parts)

    def __getstate__(self) -> dict[str, Any]:
        with self._lock:
            return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=_forks.Lock("Scorer"))

    def __repr__(self) -> str:
        names = " + ".join(self.encoders.values())
        return f"Scorer({len(self)} parts, encoders {names}, preset {self.config.preset!r})"

    @property
    def names(self) -> list[str]:
        """The names of the parts in the bank, in the order in which they were added."""
        return self._bank.names

    def fitted_encoders(self) -> dict[str, list[Any]]:
        """Return copies of the encoders, as "encoder_2d" and "encoder_3d" of ``musc2.score``."""
        own = copy.deepcopy(self._encoders)
        chosen: dict[str, list[Any]] = {}
        chosen["encoder_2d"], chosen["encoder_3d"] = list(own.images), list(own.points)
        return {name: values for name, values in chosen.items() if values}

    @property
    def config(self) -> Config:
        """The settings."""
        return self._bank.config

    @property
    def bank_size(self) -> float | None:
        """The share of each part's patches that the bank holds, None for all."""
        return self._bank.share

    @property
    def encoders(self) -> dict[str, str]:
        """The names of the encoders: "2d" and "3d"."""
        return self._encoders.names()

    @property
    def threshold(self) -> Threshold:
        """The score above which new parts are suspicious."""
        return self._calibrated().bank_thresholds.threshold

    def _calibrated(self) -> Calibration:
        if self._calibration is None:
            self._calibrate()
        return cast(Calibration, self._calibration)

    def _defaults(self) -> Defaults:
        return new_parts.token_defaults(self._encoders, self.config)

    def _read(
        self,
        sources: Mapping[str, object],
        names: Sequence[str] | None,
        op: str,
        report: Report | None,
    ) -> NewParts:
        state = (self._bank, self._encoders, self._specifications)
        return new_parts.read(*state, sources, names, op, report)

    def _own_scores(self) -> tuple[Result, ScoredParts]:
        result, scored = scoring.result_among(
            self._bank, self._defaults(), references_are_good=self._references_are_good
        )
        return replace(result, encoders=self.encoders), scored
