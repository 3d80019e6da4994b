"""Templates: everything that is put in is escaped, unless it is `Markup` already."""

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from reports.page import link_to

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **values: Any) -> Markup:
    """Return a template of `reports/templates` with these values in it.

    Raises
    ------
    jinja2.UndefinedError
        When the template needs a value that is not given.
    """
    return Markup(_environment().get_template(template).render(values))  # noqa: S704


def escape_text(text: str) -> Markup:
    """Return text for between tags; quotes stay, which it may have many of."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return Markup(escaped)  # noqa: S704


def link(text: str, path: str) -> Markup:
    """Return a paragraph that leads to a page or file of the same report."""
    return Markup('<p><a href="{}">{}</a></p>').format(link_to(path), text)


def read_template(name: str) -> str:
    """Return the text of a file among the templates: the style sheet, the script."""
    return files("reports.templates").joinpath(name).read_text()


@cache
def _environment() -> "Environment":
    from jinja2 import DictLoader, Environment, StrictUndefined

    names = [one.name for one in files("reports.templates").iterdir()]
    texts = {name: read_template(name) for name in names if name.endswith(".html")}
    environment = Environment(
        loader=DictLoader(texts),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["link_to"] = link_to
    return environment
