"""The report of a run as files: a folder of pages, and its overview in one file."""

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from markupsafe import Markup, escape

from reports.digests import digest, drawing_version
from reports.drawn_pages import MANIFEST, DrawnPage, DrawnPages, digest_files, write_manifest
from reports.errors import ReportError
from reports.folder import BucketFolder, LocalFolder, ReportFolder
from reports.html import read_template, render
from reports.inputs.heading import Heading
from reports.page import INDEX, SCHEME, STYLE, Details, Page

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
    folder: ReportFolder,
    heading: Heading,
    overview: Sequence[Page],
    details: Iterable[Details] = (),
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
        What reports before have drawn of the same content is linked from there.

    Raises
    ------
    ReportError
        When a page leads to one that does not exist, or two have the same path.
    """
    site = _Site(overview, heading)
    drawn = DrawnPages(folder.list_earlier())
    with folder.replacing() as new:
        site.put(new, STYLE, read_template(STYLE).encode())
        site.put(new, SCRIPT, read_template(SCRIPT).encode())
        for page in overview:
            site.put(new, page.path, site.complete(page).encode())
        for group in details:
            _put_group(site, new, drawn, group)
        for page in overview:
            for path, content in page.files.items():
                site.put(new, path, content)
        site.put(new, SINGLE_FILE, site.join(len(site.details)).encode())
        site.put(new, INDEX, site.complete(overview[0], INDEX).encode())
        site.put(new, MANIFEST, write_manifest(site.drawn))
        site.require_targets()
    return WrittenSite(
        folder.path_of(INDEX), len(overview) + len(site.details), sum(site.sizes.values())
    )


def _put_group(
    site: "_Site", new: LocalFolder | BucketFolder, drawn: DrawnPages, group: Details
) -> None:
    """Put pages into a new report, and draw those that no report before has drawn."""
    shown = {path: site.address(path, shows) for path, shows in group.shown.items()}
    missing = []
    for path, shows in shown.items():
        if (found := drawn.take(new, path, shows)) is None:
            missing.append(path)
        else:
            site.adopt(path, *found)
    for page in group.draw(missing) if missing else ():
        files = {page.path: site.complete(page).encode(), **page.files}
        for path, content in files.items():
            site.put(new, path, content)
        site.details.append(page.path)
        if page.complete and shown[page.path]:
            contents = digest_files([*files.values()])
            site.drawn[page.path] = DrawnPage(shown[page.path], contents, [*files])


def hash_script() -> str:
    """Return the hash of the script in the single file, as a content security policy has it."""
    return f"sha256-{b64encode(sha256(read_template(SCRIPT).encode()).digest()).decode()}"


class _Site:
    """The pages that were written, and where their links lead."""

    def __init__(self, overview: Sequence[Page], heading: Heading) -> None:
        self._overview, self._heading = overview, heading
        # Around the content of a page that is none of the navigation.
        self._frame_digest = digest(
            drawing_version(), heading.line, [(one.path, one.title) for one in overview]
        )
        self._wanted: dict[str, str] = {}
        self._names: set[str] = set()
        self.sizes: dict[str, int] = {}
        self.details: list[str] = []
        self.drawn: dict[str, DrawnPage] = {}

    def address(self, path: str, shows: str) -> str:
        """Return what identifies all that a page is made of; "" for one that is always drawn."""
        return digest(self._frame_digest, path, shows) if shows else ""

    def put(self, new: LocalFolder | BucketFolder, path: str, content: bytes) -> None:
        """Write a file."""
        self._account(path, len(content))
        new.write(path, content)

    def adopt(self, path: str, page: DrawnPage, contents: Sequence[bytes]) -> None:
        """Take note of a page that is there already, and of where its links lead."""
        for one, content in zip(page.paths, contents, strict=True):
            self._account(one, len(content))
        self.details.append(path)
        self.drawn[path] = page
        up = b"../" * path.count("/")
        for target in set(re.findall(b' href="%b([^"#.][^"#]*)' % up, contents[0])):
            self._wanted.setdefault(target.decode(), path)

    def _account(self, path: str, size: int) -> None:
        if path.casefold() in self._names:  # on some file systems they are one
            raise ReportError(f"Two pages or files of a report are {path}; names must differ.")
        self._names.add(path.casefold())
        self.sizes[path] = size

    def complete(self, page: Page, path: str = "") -> str:
        """Return a page with its navigation, its links relative to `path`, where it is put."""
        up = "../" * (path or page.path).count("/")
        head = Markup(  # noqa: S704 - two constants and dots
            f'<link rel="stylesheet" href="{up}{STYLE}">\n'
            f'<script src="{up}{SCRIPT}" defer></script>'
        )
        body = Markup(page.body)  # noqa: S704
        if page.short:
            line = self._heading.line
            html = render("detail.html", title=page.title, line=line, head=head, content=body)
        else:
            article = render("article.html", page=page, body=body)
            html = self._frame(page.title, page.path, head, article)

        def resolve(target: str) -> str:
            self._wanted.setdefault(target.partition("#")[0], page.path)
            return f' href="{up}{target}"'

        return _resolve_links(html, resolve)

    def join(self, left_out: int) -> str:
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

        title = f"Report of {self._heading.facts['Run'][:8]}"
        return _resolve_links(self._frame(title, "", head, content), resolve)

    def require_targets(self) -> None:
        for target, path in self._wanted.items():
            if target not in self.sizes:
                raise ReportError(f"The page {path} leads to {target}, which is not there.")

    def _frame(self, title: str, path: str, head: Markup, content: Markup) -> str:
        return render(
            "page.html",
            title=title,
            path=path,
            heading=self._heading,
            pages=self._overview,
            head=head,
            content=content,
            # Of the run, once in each page of the navigation.
            short=path not in {one.path for one in self._overview} and bool(path),
            legend=render("legend.html"),
        )


def _resolve_links(html: str, resolve: Callable[[str], str]) -> str:
    return _LINK.sub(lambda found: resolve(found[1]), html)
