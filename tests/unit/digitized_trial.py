"""A small trial with digitized curves, written to a folder: what rebuilding from figures is tested on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.calibration.guyot import Printed, as_endpoint, clicked, draw

from equipoise.data import TimeToEvent
from equipoise.protocol import Protocol, read
from equipoise.results import fixed
from equipoise.survival import cox, kaplan_meier

HEAD = """
[trial]
title = "A made trial with digitized curves"
short_name = "drawn"

[arms.E]
label = "New"
role = "experimental"
regimen = { unknown = "not needed here" }

[arms.C]
label = "Old"
role = "control"
regimen = { unknown = "not needed here" }

[populations.ITT]
label = "All randomized patients"
flag = "ITTFL"

[populations.marked]
label = "Patients with the marker"
where = { MARKER = "positive" }

[endpoints.OS]
label = "Overall survival"

[endpoints.PFS]
label = "Progression-free survival"

[estimands.OS]
treatment = { experimental = "E", control = "C" }
population = "marked"
variable = "OS"
summary = "hazard ratio"
intercurrent_events.crossover = { strategy = "hypothetical", date = "XODT" }

[estimands.PFS]
treatment = { experimental = "E", control = "C" }
population = "ITT"
variable = "PFS"
summary = "hazard ratio"

[analyses.OS]
estimand = "OS"
role = "primary"
test = "logrank"
subgroups = [{ column = "SEX", label = "Sex" }]

[analyses.PFS]
estimand = "PFS"
role = "key secondary"

[testing]
procedure = "fixed sequence"
alpha = 0.05
sided = 2
order = ["OS", "PFS"]

[data]
strata.as_randomized = ["REGION"]
"""


def curve(arm: str, printed: Printed, more: str = "", estimand: str = "OS") -> str:
    at_risk = ", ".join(f'"{t:g} months" = {n}' for t, n in zip(printed.at_risk_times, printed.at_risk, strict=True))
    return f"""
[[published.curves]]
estimand = "{estimand}"
arm = "{arm}"
file = "curves.csv"
unit = "months"
at_risk = {{ {at_risk} }}
source = "figure"
{more}"""


def side_by_side(curves: dict[str, Printed]) -> str:
    """As WebPlotDigitizer exports all datasets: names, X and Y, and columns that end early."""
    lines = [",".join(f"{name}," for name in curves), ",".join("X,Y" for _ in curves)]
    for k in range(max(len(c.time) for c in curves.values())):
        cells = [f"{c.time[k]!r},{c.survival[k]!r}" if k < len(c.time) else "," for c in curves.values()]
        lines.append(",".join(cells).replace("np.float64(", "").replace(")", ""))
    return "\n".join(lines) + "\n"


def known(seed: int = 1, n: int = 200) -> tuple[TimeToEvent, dict[str, Printed]]:
    """The data behind the curves, and the curves as clicked."""
    rng = np.random.default_rng(seed)
    control, experimental = draw("exponential", n, rng)
    return as_endpoint(control, experimental), {"C": clicked(control, 200, rng), "E": clicked(experimental, 200, rng)}


def written(folder: Path, more: str = "", totals: bool = True) -> Protocol:
    """The protocol with its curves and the numbers that the known data print."""
    truth, curves = known()
    (folder / "curves.csv").write_text(side_by_side(curves))
    medians = {arm: fixed(kaplan_meier(truth)[arm].median / 30.4375, 0) for arm in "CE"}
    ratio = fixed(cox(truth).hazard_ratio, 1)
    numbers = f"""
[published]
sources.figure = "Figure 2"
numbers = [
  {{ statistic = "hazard ratio", estimand = "OS", printed = "{ratio}", stratified = true, source = "figure" }},
  {{ statistic = "median", estimand = "OS", arm = "C", printed = "{medians["C"]}", source = "figure" }},
  {{ statistic = "events", estimand = "OS", arm = "E", printed = "{curves["E"].events}", source = "figure" }},
  {{ statistic = "hazard ratio", estimand = "PFS", printed = "0.50", source = "figure" }},
  {{ statistic = "subjects", arm = "E", printed = "200", source = "figure" }},
]
"""
    tables = [curve(arm, c, f"events = {c.events}" if totals else "") for arm, c in curves.items()]
    path = folder / "drawn.toml"
    path.write_text(HEAD + numbers + "".join(tables) + more)
    return read(path)
