"""Large images, cut into tiles of which each position is scored on its own.

    result = _tiles.score(samples, references, encoders, config, timer, ...)  # Config(tile=512)

``layout`` says where the tiles lie, ``encoding`` reads, cuts and encodes, ``store`` keeps tokens,
``scores`` compares each position across the parts and joins the positions to one grid.
"""

from musc2._tiles.checks import check_tiles
from musc2._tiles.score import score

__all__ = ["check_tiles", "score"]
