"""The events of one trial by every formula beside what other programs print, at 1:1 and 2:1.

    python -m tests.reference.event_table

Control median 9 months, hazard ratio 0.68, accrual over 18 months, follow-up 18, dropout hazard 0.003 a month,
one-sided 2.5%, power 90%. The power that each number of events really has stands in docs/designs.md, by simulation.
"""

from __future__ import annotations

from equipoise.design import SideBySide, accrual, formulas, group_sequential, hazard, median, obrien_fleming
from equipoise.results import fixed

PRINTED = {
    "bernstein-lagakos": (271.24, 294.56, "gsDesign"),
    "lachin-foulkes": (281.24, 310.29, "gsDesign"),
    "schoenfeld": (282.58, 317.90, "gsDesign, rpact, lrstat"),
    "score": (283.09, 302.59, "lrstat (direct)"),
    "average hazard ratio": (283.20, 312.36, "gsDesign2 (h0_h1_info)"),
    "freedman": (289.61, 285.75, "gsDesign, rpact"),
    "hsieh-freedman": (289.61, 325.81, "rpact"),
}


def trial(experimental: int) -> SideBySide:
    """The trial at experimental : 1."""
    test = group_sequential(alpha=0.025, sided=1, information_fractions=[1], efficacy=obrien_fleming())
    return formulas(
        test, hazard_ratio=0.68, power=0.9, control=median("9 months"), dropout=hazard(0.003),
        allocation={"E": experimental, "C": 1}, accrual=accrual("18 months"), follow_up="18 months",
    )  # fmt: skip


def main() -> None:
    one, two = trial(1).plans, trial(2).plans
    print(f"{'method':22}{'1:1':>9}{'printed':>9}{'2:1':>10}{'printed':>9}  by")
    for name, (first, second, program) in PRINTED.items():
        ours = (fixed(one[name].events, 2), fixed(two[name].events, 2))
        print(f"{name:22}{ours[0]:>9}{fixed(first, 2):>9}{ours[1]:>10}{fixed(second, 2):>9}  {program}")
    ours = (fixed(one["exact score"].events, 2), fixed(two["exact score"].events, 2))
    print(f"{'exact score':22}{ours[0]:>9}{'':9}{ours[1]:>10}{'':9}  no other program")


if __name__ == "__main__":
    main()
