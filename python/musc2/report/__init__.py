"""Results as people look at them: the report, pictures, tables, text."""

__all__: list[str] = []
