"""Reports for people: files under one folder, each replaced whole by the next of its name."""

import dagster as dg
from pydantic import Field

from resources.files.atomic_write import write_whole
from resources.files.file_systems import file_system


class Reports(dg.ConfigurableResource):
    """Where tables and plots for people are put."""

    root: str = Field(description="Folder or fsspec URL of the reports.")

    def write(self, name: str, content: bytes) -> str:
        """Store a report and return where it is."""
        path = self.path_of(name)
        fs, inner = file_system(path)
        write_whole(fs, inner, content)
        return path

    def path_of(self, name: str) -> str:
        """Return where the report `name` is, or will be."""
        return f"{self.root.removesuffix('/')}/{name}"
