"""How is a page filled in?

Pages for the web, in templates/pages, with everything from the record escaped. Callers: replay/, web/.
"""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("templates", "pages"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page(name: str, **values: Any) -> str:
    """Return a page; values whose name ends in `_chart` are SVG of our own making and go in as they are."""
    ready = {key: Markup(value) if key.endswith("_chart") else value for key, value in values.items()}  # noqa: S704
    return _environment().get_template(name).render(ready)
