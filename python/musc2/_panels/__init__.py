"""The distances of a layer, some samples at a time, within the setting ``memory``."""

__all__: list[str] = []
