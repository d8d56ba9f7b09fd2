"""The parts of the network Point-MAE."""

from musc2.encoders._point_mae.tokenizer import WIDTH, Tokenizer

__all__ = ["WIDTH", "Tokenizer"]
