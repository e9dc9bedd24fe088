"""What would the record of a county look like, if nobody in it were real?

A deterministic generator: see municipality.py, or run `python -m intake.demo --help`.
"""

from intake.demo.municipality import make_record

__all__ = ["make_record"]
