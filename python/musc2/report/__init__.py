"""Results as people look at them: overlays, tables, text."""

__all__: list[str] = []
