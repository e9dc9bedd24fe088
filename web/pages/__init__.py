"""Which pages does the console have? One module for each family of pages."""

from web.pages.families import routes

__all__ = ["routes"]
