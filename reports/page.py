"""A page of a report, and how pages link to each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field

INDEX = "index.html"
"""The page of a report that is opened first."""

STYLE = "report.css"
"""The style sheet of its pages, which is written first."""

SCHEME = "page:"
"""Before the path of a page in a link. The site knows from where the link is followed: it makes it
relative in a folder, a fragment in the single file, and takes it out where the page is missing."""


@dataclass(frozen=True)
class Page:
    """One page, without what all pages have: navigation, heading and legend.

    Parameters
    ----------
    path
        In the report's folder: ``leaderboard.html`` or ``symbols/AAPL/rsi.html``. Made of names
        that `reports.names.name_file` gave.
    title
        Of the window, in the navigation, and the main heading.
    body
        HTML. Everything that is not ours in it is escaped: it is what `reports.html.render` or
        `reports.tables.Table.render` returned. Links to other pages and files are
        ``page:<path>``, identifiers begin with `slug`.
    files
        What is beside the page, by path in the report's folder: its tables as CSV.
    short
        Whether it is one of thousands, which are read by themselves: it leads to the first page,
        and says nothing twice.
    """

    path: str
    title: str
    body: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    short: bool = False

    @property
    def slug(self) -> str:
        """What identifies this page in the single file."""
        return slugify(self.path)


def slugify(path: str) -> str:
    """Return what identifies a page, by its path."""
    return path.removesuffix(".html").replace("/", "--")


def link_to(path: str) -> str:
    """Return the address of a page or file of the same report, for an attribute ``href``."""
    return f"{SCHEME}{path}"
