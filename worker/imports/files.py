"""Where the files of an import stand below FILES_DIR: one folder for each, gone when the import is."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from dashboard.current import current_settings
from dashboard.ids import public_id

FOLDER = "imports"


@dataclass(frozen=True, slots=True)
class ImportFiles:
    """`data` as it was uploaded, `staged` the valid rows, `rejects` the others, `dropped` bitmaps of duplicates."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def staged(self) -> Path:
        return self.folder / "staged"

    @property
    def rejects(self) -> Path:
        return self.folder / "rejects.csv"

    @property
    def dropped(self) -> Path:
        return self.folder / "dropped"

    def remove_working_files(self) -> None:
        """After the load: the rejects stay for download, everything else goes."""
        for path in (self.data, self.staged, self.dropped):
            path.unlink(missing_ok=True)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def files_of(import_id: int) -> ImportFiles:
    """The files of an import; the folder is made where it is missing."""
    files = ImportFiles(current_settings().files / FOLDER / public_id("imp", import_id))
    files.folder.mkdir(parents=True, exist_ok=True)
    return files
