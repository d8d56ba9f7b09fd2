"""Helpers that the ops share: array checks, dispatch, threads."""

__all__: list[str] = []
