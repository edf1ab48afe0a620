"""Tables, figures and documents, drawn from the long table of results and nothing else."""

from .audit import audit_html, audit_table, taken_for_granted, write_audit
from .demonstration import demonstrations
from .design import design_html, write_design
from .design_tables import comparison_tables, design_tables
from .digitized import digitized_html, write_digitized
from .document import FORMATS, html, write
from .proving import advice_html, advice_tables, write_advice
from .rebuilt import tie_out_table
from .simulation import simulation_html, simulation_tables, write_simulation
from .tables import Table, primary_table, results_table

__all__ = [
    "FORMATS",
    "Table",
    "advice_html",
    "advice_tables",
    "audit_html",
    "audit_table",
    "comparison_tables",
    "demonstrations",
    "design_html",
    "design_tables",
    "digitized_html",
    "html",
    "primary_table",
    "results_table",
    "simulation_html",
    "simulation_tables",
    "taken_for_granted",
    "tie_out_table",
    "write",
    "write_advice",
    "write_audit",
    "write_design",
    "write_digitized",
    "write_simulation",
]
