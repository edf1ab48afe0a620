"""How often the audit is wrong on trials that are right, and what it finds of seeded typos.

    python -m tests.calibration.audited_trials            # 500 trials, the typos, and the allowances

Every trial is drawn, analyzed and printed (``printed_trials``), so that no check may call it impossible. A typo changes
one digit of one number. It is *detectable in principle* if the audit calls the set impossible or notable once
the source says everything that it can say: test, sides, strata of test and ratio, level, and of how many.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tests.calibration.drawn_trials import SEED, drawn, estimated
from tests.calibration.printed_trials import Paper, printed

import equipoise
from equipoise.protocol import PublishedNumber
from equipoise.reconstruct.audit import Audit, audit
from equipoise.reconstruct.p_checks import DIFFERENTLY, TIED, TYPICAL

TRIALS = 500
ONE_MODEL = "leading digit of P, one model"
TWO_MODELS = "leading digit of P, stratified differently"
CLASSES = ("hazard ratio", "limit", ONE_MODEL, TWO_MODELS, "decimal of a percentage")


@dataclass(kw_only=True)
class Found:
    """Counts over trials: false verdicts by kind, notable ones by kind; of typos how many were found, and how."""

    trials: int = 0
    checks: int = 0
    impossible: Counter[str] = field(default_factory=Counter)
    notable: Counter[str] = field(default_factory=Counter)
    typos: Counter[str] = field(default_factory=Counter)
    called_impossible: Counter[str] = field(default_factory=Counter)
    called: Counter[str] = field(default_factory=Counter)
    in_principle: Counter[str] = field(default_factory=Counter)
    both: Counter[str] = field(default_factory=Counter)
    false: list[str] = field(default_factory=list)
    sides: Counter[tuple[int, bool]] = field(default_factory=Counter)  # of P without a side: its side, called one-sided


def papers(trials: int, seed: int = SEED) -> Iterator[tuple[int, Paper]]:
    number = made = 0
    while made < trials:
        paper = printed(number, seed)
        number += 1
        if paper is not None:
            made += 1
            yield number - 1, paper


def right_trials(trials: int, found: Found, seed: int = SEED) -> None:
    """Audit trials as they are: every "impossible" is false."""
    for number, paper in papers(trials, seed):
        for stated in (False, True):
            said = audit(paper.protocol(stated=stated))
            if not stated:
                found.trials += 1
                found.checks += len(said.checks)
                found.notable.update(check.kind for check in said.notable)
                found.sides.update(_sides(paper, said))
            found.impossible.update(check.kind for check in said.impossible)
            found.false += [f"trial {number}{' stated' if stated else ''}: {check}" for check in said.impossible]


def _sides(paper: Paper, said: Audit) -> Iterator[tuple[int, bool]]:
    """Of each P that is printed as a number and without its side: which it has, and whether it is called one-sided."""
    for check in said.checks:
        p = check.used[-1]
        if (
            check.kind == "P"
            and p.number.sided is None
            and not p.number.printed.bound
            and "estimand" in paper.stated[p.index]
        ):
            yield int(paper.stated[p.index]["sided"]), "one-sided P" in check.notable


def _one_model(paper: Paper, p: dict[str, Any]) -> bool:
    """Whether ratio and test are both stratified, or both not."""
    own = [n for n in paper.stated if n.get("estimand") == p["estimand"] and "stratified" in n]
    return len({n["stratified"] for n in own}) == 1


def typo(paper: Paper, kind: str, rng: np.random.Generator) -> tuple[int, str] | None:
    """A place and its text with one digit changed; None where the paper has no such number."""

    def fits(n: dict[str, Any]) -> bool:
        text = n["printed"]
        if kind == "hazard ratio":
            return n["statistic"] == "hazard ratio"
        if kind == "limit":
            return n["statistic"].startswith("hazard ratio ")
        if kind in (ONE_MODEL, TWO_MODELS):
            exact = text[0] not in "<>" and any(c in "123456789" for c in text)
            return n["statistic"] == "P" and "estimand" in n and exact and _one_model(paper, n) == (kind == ONE_MODEL)
        return n["statistic"] in ("events", "responders", "adverse event") and "." in text and text.endswith("%")

    places = [i for i, n in enumerate(paper.printed) if fits(n)]
    if not places:
        return None
    index = int(rng.choice(places))
    text = paper.printed[index]["printed"]
    digits = [i for i, c in enumerate(text) if c.isdigit()]
    if kind in (ONE_MODEL, TWO_MODELS):
        digits = [next(i for i in digits if text[i] != "0")]
    elif kind == "decimal of a percentage":
        digits = digits[-1:]
    else:  # a digit that counts: not a leading zero
        first = next((i for i in digits if text[i] != "0"), digits[-1])
        digits = [i for i in digits if i >= first]
    at = int(rng.choice(digits))
    least = "1" if kind in (ONE_MODEL, TWO_MODELS) else "0"
    new = str(rng.choice([d for d in "0123456789" if d != text[at] and d >= least]))
    changed = text[:at] + new + text[at + 1 :]
    try:
        PublishedNumber.model_validate({**paper.printed[index], "printed": changed})
    except ValueError:  # the reader refuses it: no typo that an audit would meet
        return None
    if kind in ("hazard ratio", "limit") and float(changed) == 0:
        return None
    return index, changed


def _called(said: Audit, before: Audit) -> tuple[bool, bool]:
    """Whether something became impossible; or impossible or notable, that was not."""
    known = {(c.kind, c.of, c.arm, c.paths) for c in (*before.impossible, *before.notable)}
    now = [c for c in (*said.impossible, *said.notable) if (c.kind, c.of, c.arm, c.paths) not in known]
    return any(c.verdict == "impossible" for c in now), bool(now)


def typed_trials(trials: int, found: Found, seed: int = SEED) -> None:
    """A typo of each class in every trial."""
    for number, paper in papers(trials, seed):
        rng = np.random.default_rng([seed, number, 2])
        before = {stated: audit(paper.protocol(stated=stated)) for stated in (False, True)}
        for kind in CLASSES:
            made = typo(paper, kind, rng)
            if made is None:
                continue
            wrong = paper.changed(*made)
            impossible, called = _called(audit(wrong.protocol()), before[False])
            principle = _called(audit(wrong.protocol(stated=True)), before[True])[1]
            found.typos[kind] += 1
            found.called_impossible[kind] += impossible
            found.called[kind] += called
            found.in_principle[kind] += principle
            found.both[kind] += called and principle


def allowances(trials: int, seed: int = SEED) -> dict[str, tuple[float, ...]]:
    """What the constants of ``p_checks`` allow: quantiles of what drawn trials have.

    Z of log-rank and likelihood ratio test over Wald's, of one model, where |Z| is above one half; how far the log-rank
    Z is outside the theorem's range, less the part of the allowance that grows with Z; the same for tests of
    one model against ratios of the other.
    """
    ratio: dict[str, list[float]] = {"log-rank": [], "likelihood ratio": []}
    tied, differently = [], []
    for number in range(trials):
        for endpoint in drawn(number, seed).endpoints:
            data = endpoint.data()
            of = [estimated(data, stratified) for stratified in (False, True)]
            for one, other in (of, of[::-1]):
                half = np.expm1(abs(one.coef) / 2) * 2 / one.se, -np.expm1(-abs(one.coef) / 2) * 2 / one.se
                size = abs(one.logrank) if one.logrank * one.wald >= 0 else -abs(one.logrank)
                tied.append(max(size - half[0], half[1] - size) - TIED[1] * abs(one.wald))
                for test in (other.wald, other.likelihood, other.logrank):
                    differently.append(abs(test - one.wald) - DIFFERENTLY[1] * abs(one.wald))
                if abs(one.wald) > 0.5:
                    ratio["log-rank"].append(one.logrank / one.wald)
                    ratio["likelihood ratio"].append(one.likelihood / one.wald)
    shares = (0.0, 0.05, 0.5, 0.95, 1.0)
    return {
        **{name: tuple(float(x) for x in np.quantile(of, shares)) for name, of in ratio.items()},
        "tied": tuple(float(x) for x in np.quantile(tied, shares)),
        "differently": tuple(float(x) for x in np.quantile(differently, shares)),
    }


def table(found: Found) -> str:
    """The rates as Markdown."""
    lines = [
        f"{found.trials} trials in print, {found.checks} checks, and again with everything stated: "
        f'{sum(found.impossible.values())} false "impossible"; notable: '
        + (", ".join(f"{k} {v}" for k, v in found.notable.most_common()) or "none"),
        "",
        "| typo in | typos | called impossible | impossible or notable | detectable in principle | of those found |",
        "|---|---|---|---|---|---|",
    ]
    for kind in CLASSES:
        n, able = found.typos[kind], found.in_principle[kind]
        cells = [
            f"{100 * c[kind] / max(n, 1):.1f}%" for c in (found.called_impossible, found.called, found.in_principle)
        ]
        lines.append(f"| {kind} | {n} | {' | '.join(cells)} | {100 * found.both[kind] / max(able, 1):.1f}% |")
    one, two = (found.sides[side, True] + found.sides[side, False] for side in (1, 2))
    lines += ["", f"Of {one} one-sided P without a side {found.sides[1, True]} are called so; of {two} two-sided ones "
              f"{found.sides[2, True]}."]  # fmt: skip
    return "\n".join([*lines, *found.false])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args()
    found = Found()
    right_trials(asked.trials, found, asked.seed)
    typed_trials(asked.trials, found, asked.seed)
    print(f"equipoise {equipoise.__version__}, seed {asked.seed}")
    print(table(found))
    print()
    print(f"Allowances: typical {TYPICAL}, tied {TIED}, differently {DIFFERENTLY}; seen (least, 5%, 50%, 95%, most):")
    for name, seen in allowances(asked.trials, asked.seed).items():
        print(f"  {name}: {', '.join(f'{x:.3f}' for x in seen)}")


if __name__ == "__main__":
    main()
