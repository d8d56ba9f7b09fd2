"""The parts of the network Point-MAE."""
