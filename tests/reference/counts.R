# Reference values for counts, multiplicity and Rubin's rules.
# Run from the repository root:  Rscript tests/reference/counts.R
# Writes counts.json beside this script.  Needs R with the package mice (pool.scalar).
number <- function(v) {
  one <- function(x) {
    if (is.nan(x)) '"NaN"' else if (is.na(x)) "null" else if (is.infinite(x)) if (x > 0) '"Inf"' else '"-Inf"'
    else sprintf("%.17g", x)
  }
  paste0("[", paste(vapply(as.numeric(v), one, ""), collapse = ", "), "]")
}
record <- function(...) {
  fields <- c(...)
  sprintf("{%s}", paste(sprintf('"%s": %s', names(fields), fields), collapse = ", "))
}
block <- function(name, rows) paste0('"', name, '": [\n', paste(rows, collapse = ",\n"), "\n]")

# ---- one share: binom.test (Clopper and Pearson)
shares <- list(c(0, 1), c(1, 1), c(1, 2), c(0, 10), c(3, 10), c(9, 10), c(10, 10), c(23, 103), c(56, 70), c(15, 148),
               c(0, 20), c(1, 29), c(1, 400), c(200, 400), c(399, 400), c(0, 5000), c(4, 5000), c(4999, 5000), c(2, 3), c(7, 7))
binomial <- unlist(lapply(c(0.8, 0.95, 0.99), function(level) vapply(shares, function(s)
  record(counts = number(s), level = number(level), limits = number(binom.test(s[1], s[2], conf.level = level)$conf.int)), "")))

# ---- events over exposure: poisson.test (Garwood)
rates <- list(c(0, 1), c(0, 365.25), c(1, 1), c(1, 1000), c(3, 17.5), c(10, 3), c(41, 28010), c(15, 19017), c(60, 54308.8),
              c(100, 0.25), c(250, 9999))
poisson <- unlist(lapply(c(0.8, 0.95, 0.99), function(level) vapply(rates, function(r)
  record(events = number(r[1]), exposure = number(r[2]), level = number(level),
         limits = number(poisson.test(r[1], r[2], conf.level = level)$conf.int)), "")))

# ---- 2 x 2 tables: fisher.test; order events 1, total 1, events 0, total 0
tables <- list(c(3, 10, 9, 12), c(0, 10, 0, 20), c(10, 10, 0, 20), c(10, 10, 10, 10), c(0, 10, 10, 10), c(5, 56, 0, 29),
               c(1, 1, 0, 1), c(0, 1, 1, 1), c(1, 2, 1, 2), c(4, 8, 4, 8), c(72, 103, 49, 104), c(24, 103, 15, 104),
               c(56, 70, 48, 80), c(9, 10, 3, 10), c(6, 7, 2, 7), c(8, 15, 4, 15), c(6, 10, 6, 20), c(2, 12, 7, 12),
               c(7, 12, 2, 12), c(1, 5000, 9, 5000), c(3, 7, 3, 14), c(12, 40, 12, 39), c(0, 3, 2, 3), c(3, 6, 1, 4))
fisher <- vapply(tables, function(v) {
  m <- matrix(c(v[1], v[2] - v[1], v[3], v[4] - v[3]), 2, byrow = TRUE)
  p <- vapply(c("two.sided", "greater", "less"), function(a) fisher.test(m, alternative = a)$p.value, 0)
  record(counts = number(v), two_sided = number(p[1]), greater = number(p[2]), less = number(p[3]))
}, "")

# ---- strata: mantelhaen.test; each table again as one stratum, then sets of strata
stratified <- c(tables, list(
  rbind(c(25, 33, 4, 17), c(34, 50, 17, 25), c(28, 50, 15, 25), c(52, 67, 22, 33)),
  rbind(c(15, 16, 9, 16), c(12, 16, 1, 16), c(29, 34, 18, 34), c(42, 56, 31, 56), c(14, 22, 6, 22), c(44, 54, 17, 55),
        c(14, 17, 7, 15), c(29, 58, 23, 58), c(10, 14, 3, 15), c(17, 26, 6, 27), c(38, 44, 12, 45), c(19, 29, 22, 30),
        c(21, 38, 19, 38)),
  rbind(c(2, 3, 0, 0), c(3, 5, 1, 2), c(2, 5, 1, 2), c(5, 6, 2, 3)),                       # a stratum without control
  rbind(c(0, 10, 0, 12), c(3, 9, 5, 11)), rbind(c(10, 10, 12, 12), c(3, 9, 5, 11)),         # nobody, everybody
  rbind(c(3, 9, 5, 11), c(3, 9, 5, 11), c(3, 9, 5, 11)),                                    # equal tables
  rbind(c(0, 5, 2, 6), c(0, 7, 1, 5)), rbind(c(4, 5, 6, 6), c(6, 7, 5, 5)),                 # zero cells on one side
  rbind(c(0, 5, 0, 6), c(0, 7, 0, 5)),                                                      # no events at all
  rbind(c(4, 16, 5, 79), c(2, 16, 3, 87), c(4, 18, 10, 90), c(1, 15, 3, 82)),
  rbind(c(1, 2, 0, 1), c(0, 1, 1, 2), c(1, 1, 0, 1)), rbind(c(25, 339, 28, 335), c(23, 370, 40, 364)),
  rbind(c(1, 4, 1, 4), c(2, 4, 2, 4))))                                                     # no difference: below 1/2
mantel <- vapply(stratified, function(v) {
  v <- matrix(v, ncol = 4)
  x <- array(0, c(2, 2, max(2, nrow(v))))
  for (k in seq_len(nrow(v))) x[, , k] <- c(v[k, 1], v[k, 3], v[k, 2] - v[k, 1], v[k, 4] - v[k, 3])
  # R needs two strata: a single one is given beside a stratum of two people with the same outcome in one arm, which adds 0.
  if (nrow(v) == 1) x[, , 2] <- c(2, 0, 0, 0)
  plain <- mantelhaen.test(x, correct = FALSE); corrected <- mantelhaen.test(x, correct = TRUE)
  wide <- mantelhaen.test(x, correct = FALSE, conf.level = 0.8)
  record(events_1 = number(v[, 1]), total_1 = number(v[, 2]), events_0 = number(v[, 3]), total_0 = number(v[, 4]),
         chi_square = number(plain$statistic), p_value = number(plain$p.value),
         chi_square_corrected = number(corrected$statistic), p_value_corrected = number(corrected$p.value),
         odds_ratio = number(plain$estimate), limits = number(plain$conf.int), limits_80 = number(wide$conf.int))
}, "")

# ---- p.adjust
set.seed(20260101)
sets <- c(list(0.03, c(0.01, 0.02), c(0.04, 0.04), c(0.01, 0.02, 0.03), c(0.024, 0.01, 0.03), c(0.5, 0.6, 0.7), c(1, 1, 1),
               c(0, 0.5, 1), c(0.01, 0.01, 0.01, 0.01), c(0.01, 0.02, 0.022, 0.09), c(0.018, 0.01, 0.105, 0.006),
               c(0.011, 0.0262, 0.013, 0.06, 0.04), c(0.015, 0.013, 0.01, 0.007, 0.1, 0.0124),
               c(0.001, 0.012, 0.0125, 0.0126, 0.0127, 0.3, 0.8)),
          lapply(c(3, 4, 5, 6, 7, 8, 9, 10), function(m) round(runif(m)^3, 4)),
          lapply(c(4, 6, 8), function(m) runif(m)^4))
adjusted <- vapply(sets, function(p)
  record(p = number(p), holm = number(p.adjust(p, "holm")), hochberg = number(p.adjust(p, "hochberg")),
         hommel = number(p.adjust(p, "hommel"))), "")

# ---- Rubin's rules with Barnard and Rubin's degrees of freedom: mice::pool.scalar
pools <- list(list(c(0.1, 0.2, 0.15), c(0.04, 0.05, 0.04)), list(c(-0.31, -0.22), c(0.021, 0.022)),
              list(c(-0.5, 0.5, 0.1, -0.2, 0.05), c(0.01, 0.01, 0.012, 0.011, 0.01)),
              list(c(-0.41, -0.38, -0.45, -0.36, -0.40, -0.39, -0.43), rep(0.0169, 7)),
              list(c(1e3, 1.001e3, 0.999e3, 1.0005e3), c(0.5, 0.25, 0.75, 1)))
pooled <- unlist(lapply(pools, function(p) vapply(c(3, 20, 150, Inf), function(nu) {
  r <- mice::pool.scalar(p[[1]], p[[2]], n = nu + 1, k = 1)
  t <- r$qbar / sqrt(r$t)
  record(estimates = number(p[[1]]), variances = number(p[[2]]), complete_df = number(nu), estimate = number(r$qbar),
         within = number(r$ubar), between = number(r$b), total = number(r$t), df = number(r$df),
         share = number((1 + 1 / r$m) * r$b / r$t), limits = number(r$qbar + c(-1, 1) * qt(0.975, r$df) * sqrt(r$t)),
         p_value = number(2 * pt(-abs(t), r$df)))
}, "")))

writeLines(c("{", paste(c(block("binomial", binomial), block("poisson", poisson), block("fisher", fisher),
                          block("cmh", mantel), block("p_adjust", adjusted), block("rubin", pooled)), collapse = ",\n"), "}"),
           "tests/reference/counts.json")
