"""Twins of competing risks, see `twins` for the conventions; event 0 is censored, 1, 2, ... are the causes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import chi2

from .twins import km_limits
from .twins_cox import Floats, MaybeArray, codes


# ---------------------------------------------------------- cumulative incidence
def cumulative_incidence(time: ArrayLike, event: ArrayLike, cause: int = 1) -> dict[str, Floats]:
    """Aalen & Johansen (1978) at all exit times: F(t) = sum of S(u-) d/n, and its variance (Aalen 1978).

    A death of the cause at u moves F(t) by S(u-) - r, any other death by -r, where r = (F(t) - F(u)) S(u-)/S(u) is
    what is lost later.  So the variance is the sum over u <= t of (S(u-) - r)^2 V + r^2 V', V and V' the variances of
    d/n and d'/n, the shares at u that die of the cause and of all others together: d (n - d) / (n^2 (n - 1)), and
    d/n^2 where n = 1.  The two counts are taken as independent.  After S has reached 0 nothing is lost: r = 0.
    (Which of the variances in use is cmprsk's was found by comparison with cmprsk 2.2-11.)
    """
    t, code = np.asarray(time, dtype=float), np.asarray(event, dtype=np.int64)
    grid = np.unique(t)
    before, after, incidence = [], [], []
    first, other = [], []  # (d, n) of the cause and of the rest
    s, f = 1.0, 0.0
    for u in grid:
        n = int(np.sum(t >= u))
        d = int(np.sum((t == u) & (code == cause)))
        rest = int(np.sum((t == u) & (code != cause) & (code > 0)))
        before.append(s)
        f += s * d / n
        s = 0.0 if d + rest == n else s * (1.0 - (d + rest) / n)
        after.append(s)
        incidence.append(f)
        first.append((d, n))
        other.append((rest, n))

    def share_variance(d: int, n: int) -> float:
        return d / n**2 if n == 1 else d * (n - d) / (n**2 * (n - 1))

    variance = []
    for k in range(len(grid)):
        total = 0.0
        for j in range(k + 1):
            lost = (incidence[k] - incidence[j]) * before[j] / after[j] if after[j] > 0 else 0.0
            total += (before[j] - lost) ** 2 * share_variance(*first[j]) + lost**2 * share_variance(*other[j])
        variance.append(total)
    return {"time": grid, "incidence": np.array(incidence), "variance": np.array(variance), "survival": np.array(after)}


def incidence_limits(
    incidence: ArrayLike, variance: ArrayLike, level: float = 0.95, conf_type: str = "log-log"
) -> tuple[Floats, Floats]:
    """Limits of F itself as `km_limits` has them: log-log is F^exp(-+ z se / (F log F)); nan at F = 0 and F = 1."""
    f, se = np.asarray(incidence, dtype=float), np.sqrt(np.asarray(variance, dtype=float))
    lower, upper = km_limits(f, se, level, conf_type)
    return lower, upper


# ------------------------------------------------------------------- Gray's test
def gray(
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    cause: int = 1,
    rho: float = 0.0,
    strata: MaybeArray = None,
) -> dict[str, Any]:
    """Gray (1988): chi-square of K - 1 degrees of freedom; groups are 0, ..., K - 1; strata are added up.

    chisq is nan where the variance of the scores is singular (a group that is never at risk at a death of the cause)
    or the weight is no number (see `gray_score`).
    """
    g, stratum = np.asarray(group, dtype=np.int64), codes(strata, len(np.asarray(group)))
    t, code = np.asarray(time, dtype=float), np.asarray(event, dtype=np.int64)
    k = int(g.max()) + 1
    score, variance = np.zeros(k), np.zeros((k, k))
    for s in np.unique(stratum):
        inside = stratum == s
        z, v = gray_score(t[inside], code[inside], g[inside], k, cause, rho)
        score += z
        variance += v
    u, v = score[1:], variance[1:, 1:]
    scale = float(np.max(np.abs(np.diag(v)), initial=0.0))
    chisq = math.nan
    if np.all(np.isfinite(v)) and scale > 1e-20 and np.linalg.matrix_rank(v, tol=1e-10 * scale) == k - 1:
        chisq = float(u @ np.linalg.solve(v, u))
    p = float(chi2.sf(chisq, k - 1)) if not math.isnan(chisq) else math.nan
    return {"score": score, "variance": variance, "chisq": chisq, "df": k - 1, "p": p}


def gray_score(t: Floats, code: Any, g: Any, k: int, cause: int, rho: float) -> tuple[Floats, Floats]:
    """Scores and their variance in one stratum.

    Group r at u: Y_r at risk, S_r(u-) its Kaplan-Meier estimate of no event at all, F_r(u-) its incidence of the cause,
    h_r = Y_r / S_r(u-), R_r = h_r (1 - F_r(u-)), d_r deaths of the cause, e_r of all other causes.
    F_0, the incidence all groups share under the hypothesis: dF_0 = sum d / sum h.  Weight L = (1 - F_0(u-))^rho.
    With much censoring in one group F_0 can pass 1; then a broken power rho gives no weight: nan.

    Score of group j: sum over u of L (d_j - R_j / sum R  sum d).

    Variance: written in the martingales of the groups, a death of the cause in group r at u moves the score of j by
    (a_jr) / h_r, any other death by b_jr / h_r, with
      w_jr(u) = L h_r (1{j = r} - h_j / sum h),   c_jr(u) = sum over v <= u of w_jr dF_0 / (1 - F_0(v-)),
      b_jr = -(1 - F_0(u)) / S_r(u) (c_jr(end) - c_jr(u)),   a_jr = w_jr + (c_jr(end) - c_jr(u)) + b_jr;
    where S_r(u) = 0 nothing of the group comes later: a_jr = w_jr, b_jr = 0.
    The sum of a_jr a_lr dF_0 / h_r + b_jr b_lr (e_r / h_r) / h_r over r and u, times what ties leave of the variance:
    1 - (sum d - 1) / (S_r(u-) sum h - 1) for the cause if sum d > 1, and (Y_r - e_r) / (Y_r - 1) for the others if
    e_r > 1.  (The expansion is worked out anew from the definition of the scores; what ties leave was found by
    comparison with cmprsk 2.2-11, and can be negative for one group.)
    """
    s, f, f0 = np.ones(k), np.zeros(k), 0.0
    score = np.zeros(k)
    at: list[dict[str, Any]] = []
    for u in np.unique(t[code > 0]):
        y = np.array([float(np.sum((g == r) & (t >= u))) for r in range(k)])
        d = np.array([float(np.sum((g == r) & (t == u) & (code == cause))) for r in range(k)])
        e = np.array([float(np.sum((g == r) & (t == u) & (code > 0) & (code != cause))) for r in range(k)])
        h = np.array([y[r] / s[r] if y[r] > 0 else 0.0 for r in range(k)])
        big_r = h * (1.0 - f)
        weight = 0.0
        if d.sum() > 0 and np.sum(y > 0) > 1:  # where one group is left the score and w are 0
            whole = rho == int(rho)
            weight = (1.0 - f0) ** rho if f0 < 1 or (f0 > 1 and whole) or (f0 == 1 and rho >= 0) else math.nan
            score += weight * (d - big_r / big_r.sum() * d.sum())
        now = {"y": y, "d": d, "e": e, "h": h, "s": s.copy(), "weight": weight, "df0": d.sum() / h.sum(), "f0": f0}
        for r in range(k):
            if y[r] > 0:
                f[r] += s[r] * d[r] / y[r]
                s[r] = 0.0 if d[r] + e[r] == y[r] else s[r] * (1.0 - (d[r] + e[r]) / y[r])
        f0 += now["df0"]
        now["s_after"], now["f0_after"] = s.copy(), f0
        at.append(now)
    variance = np.zeros((k, k))
    for r in range(k):
        own = np.eye(k)[r]
        w = [a["weight"] * a["h"][r] * (own - a["h"] / a["h"].sum()) for a in at]
        slope = [a["df0"] / (1.0 - a["f0"]) if a["weight"] != 0 and a["f0"] != 1 else 0.0 for a in at]
        c = np.cumsum(np.array([v * x for v, x in zip(w, slope, strict=True)]), axis=0)
        for i, a in enumerate(at):
            y, h, d, e = a["y"][r], a["h"][r], a["d"].sum(), a["e"][r]
            if y == 0:
                continue
            moves_cause, moves_other = w[i], np.zeros(k)
            if a["s_after"][r] > 0:
                later = c[-1] - c[i]
                moves_other = -(1.0 - a["f0_after"]) / a["s_after"][r] * later
                moves_cause = w[i] + later + moves_other
            ties_cause = 1.0 - (d - 1.0) / (a["s"][r] * a["h"].sum() - 1.0) if d > 1 else 1.0
            ties_other = (y - e) / (y - 1.0) if e > 1 else 1.0
            variance += np.outer(moves_cause, moves_cause) * a["df0"] / h * ties_cause
            variance += np.outer(moves_other, moves_other) * e / h**2 * ties_other
    return score, variance


# ------------------------------------------------------------------ Fine and Gray
def censoring_curve(time: ArrayLike, event: ArrayLike) -> dict[float, float]:
    """G(t-), the Kaplan-Meier estimate of not being censored before t, at every exit time.

    The indicator is merely reversed: those who have an event at t count as at risk of being censored at t.
    """
    t, code = np.asarray(time, dtype=float), np.asarray(event, dtype=np.int64)
    g, curve = 1.0, {}
    for u in np.unique(t):
        curve[float(u)] = g
        g *= 1.0 - float(np.sum((t == u) & (code == 0))) / float(np.sum(t >= u))
    return curve


def fine_gray(time: ArrayLike, event: ArrayLike, X: ArrayLike, cause: int = 1) -> dict[str, Any]:
    """Proportional subdistribution hazards (Fine & Gray 1999), Breslow ties.

    At a death time u of the cause everybody with t >= u counts 1 and everybody who died of another cause before u
    counts w = G(u-) / G(t-).  The log pseudolikelihood is sum over deaths of x b - log(sum w exp(x b)).
    Variance I^-1 sum (eta + psi)(eta + psi)' I^-1:
      dM_i(u) = w_i (dN_i - exp(x_i b) d / sum w exp(x b)),   eta_i = sum over u of (x_i - mean(u)) dM_i(u);
      psi_i = sum over censoring times c of q(c) / n(c) (1{i is censored at c} - 1{t_i >= c} (censored at c) / n(c)),
      q(c) = - sum over i with t_i < c, u >= c of (x_i - mean(u)) dM_i(u),   n(c) = number with t >= c.
    (Where inequalities are strict matters at ties; these are cmprsk 2.2-11's.)
    """
    t, code = np.asarray(time, dtype=float), np.asarray(event, dtype=np.int64)
    raw = np.asarray(X, dtype=float)
    x = raw - raw.mean(axis=0)
    n, p = x.shape
    curve = censoring_curve(t, code)
    deaths = [float(u) for u in np.unique(t[code == cause])]
    share = np.zeros((n, len(deaths)))
    for k, u in enumerate(deaths):
        for i in range(n):
            if t[i] >= u:
                share[i, k] = 1.0
            elif code[i] > 0 and code[i] != cause:
                share[i, k] = curve[u] / curve[float(t[i])]

    def ends(b: Floats) -> tuple[float, Floats, Floats, list[Floats], list[float]]:
        loglik, score, information = 0.0, np.zeros(p), np.zeros((p, p))
        means, totals = [], []
        for k, u in enumerate(deaths):
            dying = (t == u) & (code == cause)
            c = share[:, k] * np.exp(x @ b)
            s0, d = float(c.sum()), int(dying.sum())
            mean = c @ x / s0
            loglik += float(np.sum(x[dying] @ b)) - d * math.log(s0)
            score += x[dying].sum(axis=0) - d * mean
            information += d * ((x - mean).T * c) @ (x - mean) / s0
            means.append(mean)
            totals.append(s0)
        return loglik, score, information, means, totals

    null = ends(np.zeros(p))[0]
    b, now = np.zeros(p), ends(np.zeros(p))
    for _ in range(100):
        move = np.linalg.pinv(now[2], rcond=1e-14, hermitian=True) @ now[1]
        if float(np.max(np.abs(move) * np.sqrt(np.diag(now[2])))) < 1e-13:
            break
        for _ in range(50):
            new = ends(b + move)
            if new[0] >= now[0] - 1e-13 * (1.0 + abs(now[0])):
                break
            move = move / 2.0
        b, now = b + move, new
    loglik, score, information, means, totals = now
    converged = float(np.max(np.abs(score))) < 1e-8 and float(np.max(np.abs(b * x.std(axis=0)))) < 12.0
    martingale = np.zeros((n, len(deaths)))
    influence = np.zeros((n, p))
    for k, u in enumerate(deaths):
        dying = (t == u) & (code == cause)
        martingale[:, k] = dying - share[:, k] * np.exp(x @ b) * int(dying.sum()) / totals[k]
        influence += (x - means[k]) * martingale[:, [k]]
    for c in np.unique(t[code == 0]):
        q = np.zeros(p)
        for k, u in enumerate(deaths):
            if u >= c:
                q -= martingale[t < c, k] @ (x[t < c] - means[k])
        at_risk, censored = t >= c, (t == c) & (code == 0)
        compensated = censored - at_risk * (censored.sum() / at_risk.sum())
        influence += np.outer(compensated, q / at_risk.sum())
    inverse = np.linalg.pinv(information, rcond=1e-14, hermitian=True)
    return {
        "coef": b,
        "var": inverse @ (influence.T @ influence) @ inverse,
        "inverse_information": inverse,
        "loglik": (null, loglik),
        "converged": converged,
    }
