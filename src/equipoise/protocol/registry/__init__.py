"""A registry record in: a drafted protocol out."""

from .draft import Draft, draft, drafted

__all__ = ["Draft", "draft", "drafted"]
