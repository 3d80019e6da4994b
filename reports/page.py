"""A page of a report, and how pages link to each other."""

from collections.abc import Callable, Collection, Iterable, Mapping
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
    complete
        Whether it shows all that it should; where a file could not be read, the next report draws
        it again.
    """

    path: str
    title: str
    body: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    short: bool = False
    complete: bool = True

    @property
    def slug(self) -> str:
        """What identifies this page in the single file."""
        return slugify(self.path)


@dataclass(frozen=True)
class Details:
    """Pages outside the navigation that are drawn together, if at all.

    They show nothing of the run, which pages of the navigation say: what a report before has drawn
    of the same content is taken from there.

    Parameters
    ----------
    shown
        By path what identifies all content of a page, made by `reports.digests.digest`; "" for one
        that is always drawn.
    draw
        From some of the paths to their pages.
    """

    shown: Mapping[str, str]
    draw: Callable[[Collection[str]], Iterable[Page]]

    @classmethod
    def of(cls, page: Page) -> "Details":
        """Return a page that is drawn already."""
        return cls({page.path: ""}, lambda _: [page])


def slugify(path: str) -> str:
    """Return what identifies a page, by its path."""
    return path.removesuffix(".html").replace("/", "--")


def link_to(path: str) -> str:
    """Return the address of a page or file of the same report, for an attribute ``href``."""
    return f"{SCHEME}{path}"
