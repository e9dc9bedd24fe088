"""Which tables does a folder of CSV files or a workbook hold?

Source: INTERFACES "The record". Callers: checking.py, importing.py.
"""

from pathlib import Path

from intake.csv_folder import open_folder
from intake.sources import Source, unopenable


def open_source(path: Path) -> Source:
    """Look at the folder or workbook at `path`: its tables and their headings. Raises Unopenable."""
    if path.is_dir():
        return open_folder(path)
    if not path.exists():
        raise unopenable(path, "does not exist; want a folder of CSV files or an XLSX workbook")
    if path.suffix.lower() in {".xlsx", ".xlsm"}:
        # A library that a folder of CSV files does not need, and that takes long to load.
        from intake.workbook import open_workbook  # noqa: PLC0415

        return open_workbook(path)
    raise unopenable(path, "is neither a folder of CSV files nor an XLSX workbook")
