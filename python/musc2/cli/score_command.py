"""``musc2 score``: folders in; files, a table and a verdict out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from musc2 import checks, paths
from musc2.cli import (
    exit_codes,
    intrinsics,
    parts_of,
    settings,
    streams,
)

if TYPE_CHECKING:
    from musc2.result import Result

_SHOWN = 20  # parts in the table on the terminal


def run(options: argparse.Namespace) -> int:
    """Score the parts, write the files, print; return the exit code."""
    from musc2.pipeline import score

    out = prepared_folder(options)
    parts = parts_of.select(options)
    encoder_2d, encoder_3d = settings.encoders(options)
    result = score(
        parts.rgb,
        parts.pcd,
        masks=parts.masks,
        intrinsics=intrinsics.parse(options.intrinsics),
        names=parts.names,
        references=parts_of.references(options),
        config=settings.resolved(options),
        encoder_2d=encoder_2d,
        encoder_3d=encoder_3d,
        device=options.device,
        progress=progress_of(options),
        references_are_good=options.references_are_good,
        cluster=options.cluster,
    )
    return finish(result, out, options)


def prepared_folder(options: argparse.Namespace) -> Path | None:
    """Return the folder of the files, None without any, before the time is spent on scores."""
    out: Path | None = options.out
    if out is None and (options.report or options.maps or options.clouds):
        out = Path("musc2-results")
    if out is not None:
        paths.check_writable(out)
    _check_format(options.format)
    return out


def finish(result: Result, out: Path | None, options: argparse.Namespace) -> int:
    """Write the files of a result and print it; return the exit code."""
    if options.threshold is not None:
        result = result.with_threshold(options.threshold)
    error = None
    if out is not None:
        try:
            _write(result, out, options)
        except OSError as failure:  # a full disk must not cost the table as well
            error = failure
    _print(result, options, None if error else out)
    if error is not None:
        raise error
    if result.failures:
        return exit_codes.LEFT_OUT
    if options.fail_on_suspicious and result.suspicious:
        return exit_codes.SUSPICIOUS
    return 0


def progress_of(options: argparse.Namespace) -> bool:
    """Return whether progress is shown on the standard error."""
    return not options.quiet and sys.stderr.isatty()


def _check_format(name: str) -> None:
    if name == "parquet":
        from musc2.report import part_table

        part_table.require_parquet()


def _write(result: Result, out: Path, options: argparse.Namespace) -> None:
    from musc2.progress import reporting
    from musc2.report import export

    with reporting(progress_of(options)) as report:
        export.write(
            result,
            out,
            maps=options.maps,
            clouds=options.clouds,
            report=options.report,
            width=options.width,
            progress=report,
        )


def _print(result: Result, options: argparse.Namespace, out: Path | None) -> None:
    from musc2.report import part_table, text

    if options.format == "csv":
        streams.write_text(part_table.as_csv(part_table.rows(result)))
    elif options.format == "json":
        streams.write_text(part_table.as_json(result, part_table.rows(result)))
    elif options.format == "parquet":
        streams.write_bytes(part_table.as_parquet(part_table.rows(result)))
    elif options.quiet:
        streams.write([result.summary])
    else:
        top = _SHOWN if options.top is None else options.top
        streams.write(text.ranking(result, checks.whole("score", "--top", top, 0)))
        if options.verbose:
            streams.write(text.timings(result.timings))
        if out is not None:
            file = f"; open {out / 'index.html'}" if options.report else ""
            streams.write([f"scores.csv, pictures and more are in {out}{file}"])
