"""The bank of a ``Scorer``: features, distances, calibration, and its file."""

__all__: list[str] = []
