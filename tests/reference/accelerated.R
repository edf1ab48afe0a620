# Accelerated failure time models of survival 3.5-3 -> accelerated.json, 15 significant digits. Run from the repository:
#   Rscript tests/reference/accelerated.R
library(survival)
library(jsonlite)
folder <- "tests/reference/data/"
read <- function(name) read.csv(paste0(folder, name, ".csv"))
models <- list(
  list(data = "veteran", terms = c("test", "karno", "age"), strata = NULL),
  list(data = "gbsg", terms = c("hormon", "age", "size", "nodes"), strata = NULL, time = "rfstime", event = "status"),
  list(data = "switch_subjects_b", terms = c("arm", "age", "bprog"), strata = "region", event = "event"),
  list(data = "leukemia_6mp", terms = "mp6", strata = NULL)
)
first <- function(d, asked, known) if (!is.null(asked)) asked else intersect(known, names(d))[1]
cases <- list()
for (m in models) {
  d <- read(m$data)
  time <- first(d, m$time, "time")
  event <- first(d, m$event, c("event", "status"))
  x <- as.matrix(d[, m$terms, drop = FALSE])
  stratum <- if (is.null(m$strata)) NULL else factor(d[[m$strata]])
  for (law in c("weibull", "exponential", "lognormal", "loglogistic")) {
    form <- if (is.null(stratum)) Surv(d[[time]], d[[event]]) ~ x else Surv(d[[time]], d[[event]]) ~ x + stratum
    fit <- survreg(form, dist = law, control = survreg.control(rel.tolerance = 1e-14, maxiter = 100))
    cases[[length(cases) + 1]] <- list(
      data = m$data, time = time, event = event, terms = m$terms, strata = m$strata, distribution = law,
      coef = unname(coef(fit)), scale = fit$scale, loglik = fit$loglik[2], se = unname(sqrt(diag(vcov(fit))))
    )
  }
}
write(toJSON(cases, auto_unbox = TRUE, digits = I(17), null = "null"), "tests/reference/accelerated.json")
