"""A small trial with published numbers and a model, from its parts: what reconstructions are tested on."""

from __future__ import annotations

from pathlib import Path

from equipoise.protocol import Protocol, read

HEAD = """
[trial]
title = "A made trial with published numbers"
short_name = "printed"

[arms.new]
label = "New"
role = "experimental"

[[arms.new.regimen]]
drug = "newmab"
route = "intravenous"
loading = { dose = "4 mg/kg", day = 1 }
maintenance = { dose = "2 mg/kg", every = "1 week" }
until = "progression"

[arms.old]
label = "Old"
role = "control"

[[arms.old.regimen]]
drug = "oldumab"
route = "intravenous"
maintenance = { dose = "75 mg/m2", every = "3 weeks" }
until = "progression"

[populations.ITT]
label = "All randomized patients"
flag = "ITTFL"

[populations.marked]
label = "Patients with the marker"
flag = "MARKFL"
"""

VISITS = """
[visits.tumor]
label = "Tumor assessment"
every = "6 weeks"
"""

ENDPOINTS = """
[endpoints.PFS]
label = "Progression-free survival"
events = ["progression", "death"]

[endpoints.OS]
label = "Overall survival"
events = ["death"]

[estimands.PFS]
treatment = { experimental = "new", control = "old" }
population = "ITT"
variable = "PFS"
summary = "hazard ratio"

[estimands.marked]
treatment = { experimental = "new", control = "old" }
population = "marked"
variable = "PFS"
summary = "hazard ratio"

[estimands.OS]
treatment = { experimental = "new", control = "old" }
population = "ITT"
variable = "OS"
summary = "hazard ratio"
"""

ANALYSES = """
[analyses.PFS]
estimand = "PFS"
role = "primary"

[analyses.OS]
estimand = "OS"
role = "key secondary"

[testing]
procedure = "fixed sequence"
alpha = 0.05
sided = 2
order = ["PFS", "OS"]

[safety]
population = "ITT"
treatment = { experimental = "new", control = "old" }

[randomization]
procedure = "simple"
allocation = { new = 1, old = 1 }
"""

SCENARIO = """
[scenario.stated]
label = "Exponential"
first_patient = 2015-01-01
accrual = "12 months"
cutoff = "30 months"
progression = { median = "4 months", hazard_ratio = { new = 0.6 } }
death_before_progression = { median = "60 months" }
death_after_progression = { median = "8 months" }
detection = { visit = "tumor", spread = "3 days", missed = 0.05, between_visits = 0.3 }
crossover = { arm = "old", drug = "newmab", probability = 0.6, delay = "2 weeks", death_hazard_ratio = 0.7 }
dropout = { median = "200 months" }
loss_to_follow_up = { median = "200 months" }
weight = { mean = 70.0, sd = 10.0 }
missed_doses = 0.05
factors = { MARKFL = { label = "Marker", levels = { Y = 0.6, N = 0.4 }, progression = { Y = 0.9, N = 1.2 } } }

[scenario.stated.adverse_events]
any = { new = 0.8, old = 0.6 }
kinds = [
  { term = "Nausea", system = "Gastrointestinal disorders", probability = { new = 0.3, old = 0.2 } },
  { term = "Neutropenia", system = "Blood", grade = 3, probability = { new = 0.1, old = 0.05 } },
]
"""

NUMBERS = """
{ statistic = "subjects", arm = "new", printed = "60", source = "paper" },
{ statistic = "subjects", arm = "old", printed = "62", source = "paper" },
{ statistic = "subjects", population = "marked", printed = "74", source = "paper" },
{ statistic = "hazard ratio", estimand = "PFS", printed = "0.60", source = "paper" },
{ statistic = "median", estimand = "PFS", arm = "new", printed = "6.5", source = "paper" },
{ statistic = "median", estimand = "PFS", arm = "old", printed = "4.1", source = "paper" },
{ statistic = "P", estimand = "OS", printed = "not significant", source = "paper" },
{ statistic = "crossed over", arm = "old", printed = "34", source = "paper" },
{ statistic = "adverse event", grade = 3, arm = "new", printed = "12%", source = "paper" },
{ statistic = "adverse event", arm = "new", printed = "more frequent", source = "paper" },
"""

PARTS = {"head": HEAD, "visits": VISITS, "endpoints": ENDPOINTS, "analyses": ANALYSES, "scenario": SCENARIO}


def text(numbers: str = NUMBERS, more: str = "", **parts: str) -> str:
    """The protocol as TOML, with parts replaced and further numbers."""
    body = "".join({**PARTS, **parts}.values())
    return f'{body}\n[published]\nsources.paper = "A paper"\nnumbers = [\n{numbers}{more}\n]\n'


def write(folder: Path, content: str) -> Path:
    """A protocol file with this content."""
    path = folder / "printed.toml"
    path.write_text(content, encoding="utf-8")
    return path


def protocol(folder: Path, numbers: str = NUMBERS, more: str = "", **parts: str) -> Protocol:
    """The protocol, written to a folder and read from there."""
    return read(write(folder, text(numbers, more, **parts)))
