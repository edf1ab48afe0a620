"""Tables, figures and documents, drawn from the long table of results and nothing else."""

from .document import FORMATS, html, write
from .tables import Table, primary_table, results_table

__all__ = ["FORMATS", "Table", "html", "primary_table", "results_table", "write"]
