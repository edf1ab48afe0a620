# Probabilities of rectangles of correlated normal variables.
# Run from the repository root:  Rscript tests/reference/multinormal.R
# Writes multinormal.json beside this script.  Needs R with the package mvtnorm.
# TVPACK (Genz 2004; two and three variables, one-sided) is exact to about 1e-14, Miwa's method (positive
# definite) to about 1e-8 in five variables with 4096 steps, GenzBretz to about the error it states.
suppressPackageStartupMessages(library(mvtnorm))
set.seed(20)

number <- function(v) if (is.infinite(v)) if (v > 0) "\"Inf\"" else "\"-Inf\"" else sprintf("%.17g", v)
vector_json <- function(x) paste0("[", paste(vapply(x, number, ""), collapse = ", "), "]")
matrix_json <- function(m) paste0("[", paste(apply(m, 1, vector_json), collapse = ", "), "]")
case_json <- function(id, lower, upper, r, p, tol) paste0(
  "{\"id\": \"", id, "\", \"lower\": ", vector_json(lower), ", \"upper\": ", vector_json(upper),
  ", \"correlation\": ", matrix_json(r), ", \"p\": ", number(p), ", \"abs_tol\": ", number(tol), "}")

random <- function(n, rank = n, lift = 1) {
  a <- matrix(rnorm(n * rank), n)
  a[, 1] <- a[, 1] + lift
  a <- a / sqrt(rowSums(a^2))
  r <- a %*% t(a)
  r <- (r + t(r)) / 2
  diag(r) <- 1
  r
}

cases <- character(0)
keep <- function(...) cases[[length(cases) + 1]] <<- case_json(...)

for (k in 1:12) for (n in 2:3) {
  r <- random(n, lift = k %% 3)
  upper <- rnorm(n) * 1.5
  p <- pmvnorm(rep(-Inf, n), upper, corr = r, algorithm = TVPACK(abseps = 1e-14))
  keep(sprintf("tvpack.%d.%d", n, k), rep(-Inf, n), upper, r, p, 1e-11)
}
for (n in 2:5) for (k in 1:4) {
  r <- random(n)
  if (min(eigen(r, symmetric = TRUE, only.values = TRUE)$values) < 0.02) next
  upper <- rnorm(n) + 1
  lower <- if (k %% 2) rep(-Inf, n) else upper - 1 - 2 * rexp(n)
  p <- pmvnorm(lower, upper, corr = r, algorithm = Miwa(steps = 4096))
  keep(sprintf("miwa.%d.%d", n, k), lower, upper, r, p, 1e-8)
}
for (n in 4:6) for (rank in 2:3) {          # singular: only GenzBretz can
  r <- random(n, rank)
  p <- pmvnorm(rep(-Inf, n), rep(1.8, n), corr = r, algorithm = GenzBretz(maxpts = 2e7, abseps = 1e-8, releps = 0))
  keep(sprintf("genzbretz.%d.%d", n, rank), rep(-Inf, n), rep(1.8, n), r, p, max(1e-6, 10 * attr(p, "error")))
}
writeLines(c("[", paste(cases, collapse = ",\n"), "]"), "tests/reference/multinormal.json")
cat(length(cases), "cases;", R.version.string, "mvtnorm", as.character(packageVersion("mvtnorm")), "\n")
