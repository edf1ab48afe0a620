# Reference values for shares: Wilson's limits by prop.test, Newcombe's hybrid of them, and quantiles of type 7.
# Run from the repository root:  Rscript tests/reference/proportions.R
# Writes proportions.json beside this script.  Needs R alone.
number <- function(v) paste0("[", paste(sprintf("%.17g", v), collapse = ", "), "]")
wilson <- function(x, n, level) suppressWarnings(as.numeric(prop.test(x, n, conf.level = level, correct = FALSE)$conf.int))
shares <- list(c(0, 1), c(1, 1), c(1, 2), c(0, 10), c(3, 10), c(9, 10), c(10, 10), c(56, 70), c(48, 80), c(24, 103),
               c(15, 104), c(0, 103), c(104, 104), c(1, 5000), c(4999, 5000))
cases <- c()
for (level in c(0.8, 0.95, 0.99)) for (a in shares) for (b in shares) {
  la <- wilson(a[1], a[2], level); lb <- wilson(b[1], b[2], level)
  pa <- a[1] / a[2]; pb <- b[1] / b[2]; d <- pa - pb
  limits <- c(d - sqrt((pa - la[1])^2 + (lb[2] - pb)^2), d + sqrt((la[2] - pa)^2 + (pb - lb[1])^2))
  cases <- c(cases, sprintf('{"counts": %s, "level": %s, "first": %s, "difference": %s}',
                            number(c(a, b)), sprintf("%.17g", level), number(la), number(limits)))
}
samples <- list(c(7, 15, 36, 39, 40, 41), c(1, 2, 4, 8, 16), 5, c(3, 3, 3, 9), c(0.5, 12.25, 4, 7, 100, 1e6, 2))
spreads <- vapply(samples, function(s) sprintf('{"sample": %s, "quantiles": %s}', number(s), number(quantile(s, type = 7))), "")
writeLines(c("{", '"shares": [', paste(cases, collapse = ",\n"), '],', '"samples": [', paste(spreads, collapse = ",\n"), "]", "}"),
           "tests/reference/proportions.json")
