"""The argument checks of ``score`` and ``score_tokens``."""

__all__: list[str] = []
