"""The report of a run as files: a folder of pages, and its overview in one file."""

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from markupsafe import Markup, escape

from reports.errors import ReportError
from reports.folder import ReportFolder
from reports.html import read_template, render
from reports.inputs.heading import Heading
from reports.page import INDEX, SCHEME, STYLE, Page

SINGLE_FILE = "single-file.html"
SCRIPT = "report.js"

_LINK = re.compile(f' href="{SCHEME}([^"]*)"')


@dataclass(frozen=True)
class WrittenSite:
    """A report that was written.

    Parameters
    ----------
    path
        Of the page to open.
    pages
        How many there are.
    size
        Of all files, in bytes.
    """

    path: str
    pages: int
    size: int


def write_site(
    folder: ReportFolder, heading: Heading, overview: Sequence[Page], details: Iterable[Page] = ()
) -> WrittenSite:
    """Write a report in place of the one that was there: all of it, or nothing on an error.

    Identical pages give identical bytes.

    Parameters
    ----------
    overview
        The pages of the navigation, in its order; the first is shown first. They are also in the
        single file.
    details
        All others, written one after the other, so that memory does not grow with their number.

    Raises
    ------
    ReportError
        When a page leads to one that does not exist, or two have the same path.
    """
    site = _Site(overview)
    with folder.replacing() as write:

        def put(path: str, content: str | bytes) -> None:
            data = content.encode() if isinstance(content, str) else content
            site.account(path, len(data))
            write(path, data)

        put(STYLE, read_template(STYLE))
        put(SCRIPT, read_template(SCRIPT))
        details_written = 0
        for page in overview:
            put(page.path, site.complete(page, heading))
        for page in details:
            put(page.path, site.complete(page, heading))
            _put_files(page, put)
            details_written += 1
        for page in overview:
            _put_files(page, put)
        put(SINGLE_FILE, site.join(heading, details_written))
        put(INDEX, site.complete(overview[0], heading, INDEX))
        site.require_targets()
    return WrittenSite(
        folder.path_of(INDEX), len(overview) + details_written, sum(site.sizes.values())
    )


def hash_script() -> str:
    """Return the hash of the script in the single file, as a content security policy has it."""
    return f"sha256-{b64encode(sha256(read_template(SCRIPT).encode()).digest()).decode()}"


class _Site:
    """The pages that were written, and where their links lead."""

    def __init__(self, overview: Sequence[Page]) -> None:
        self._overview = overview
        self._wanted: dict[str, str] = {}
        self._names: set[str] = set()
        self.sizes: dict[str, int] = {}

    def account(self, path: str, size: int) -> None:
        if path.casefold() in self._names:  # on some file systems they are one
            raise ReportError(f"Two pages or files of a report are {path}; names must differ.")
        self._names.add(path.casefold())
        self.sizes[path] = size

    def complete(self, page: Page, heading: Heading, path: str = "") -> str:
        """Return a page with its navigation, its links relative to `path`, where it is put."""
        up = "../" * (path or page.path).count("/")
        head = Markup(  # noqa: S704 - two constants and dots
            f'<link rel="stylesheet" href="{up}{STYLE}">\n'
            f'<script src="{up}{SCRIPT}" defer></script>'
        )
        body = Markup(page.body)  # noqa: S704
        if page.short:
            html = render("detail.html", title=page.title, heading=heading, head=head, content=body)
        else:
            article = render("article.html", page=page, body=body)
            html = self._frame(page.title, page.path, heading, head, article)

        def resolve(target: str) -> str:
            self._wanted.setdefault(target.partition("#")[0], page.path)
            return f' href="{up}{target}"'

        return _resolve_links(html, resolve)

    def join(self, heading: Heading, left_out: int) -> str:
        """Return the single file; what leads out of it is text."""
        head = Markup(  # noqa: S704 - files of ours
            f"<style>{read_template(STYLE)}</style>\n"
            f'<script type="module">{read_template(SCRIPT)}</script>'
        )
        sections = [
            render("article.html", page=page, body=Markup(page.body))  # noqa: S704
            for page in self._overview
        ]
        content = render("single_file.html", sections=sections, left_out=left_out)
        inside = {page.path: f"#{page.slug}" for page in self._overview}

        def resolve(target: str) -> str:
            path, _, fragment = target.partition("#")
            if path not in inside:
                return ""
            return f' href="{"#" + escape(fragment) if fragment else inside[path]}"'

        title = f"Report of {heading.facts['Run'][:8]}"
        return _resolve_links(self._frame(title, "", heading, head, content), resolve)

    def require_targets(self) -> None:
        for target, path in self._wanted.items():
            if target not in self.sizes:
                raise ReportError(f"The page {path} leads to {target}, which is not there.")

    def _frame(self, title: str, path: str, heading: Heading, head: Markup, content: Markup) -> str:
        return render(
            "page.html",
            title=title,
            path=path,
            heading=heading,
            pages=self._overview,
            head=head,
            content=content,
            # Of the run, once in each page of the navigation.
            short=path not in {one.path for one in self._overview} and bool(path),
            legend=render("legend.html"),
        )


def _put_files(page: Page, put: Callable[[str, bytes], None]) -> None:
    for path, content in page.files.items():
        put(path, content)


def _resolve_links(html: str, resolve: Callable[[str], str]) -> str:
    return _LINK.sub(lambda found: resolve(found[1]), html)
