# Reference values of competing risks: cumulative incidence with its variance, Gray's test, Fine-Gray.
# Run from the repository root:  Rscript tests/reference/competing.R
# Writes competing.json beside this script.  Needs R with the package cmprsk.
suppressPackageStartupMessages(library(cmprsk))

# ---- JSON: 17 significant digits, so that every double is read back unchanged ----
number <- function(v) {
  if (is.nan(v)) "\"NaN\"" else if (is.na(v)) "null"
  else if (is.infinite(v)) if (v > 0) "\"Inf\"" else "\"-Inf\""
  else sprintf("%.17g", v)
}
text <- function(s) paste0("\"", gsub("\n", " ", gsub("\"", "\\\\\"", gsub("\\\\", "\\\\\\\\", s))), "\"")
one <- function(x) structure(list(x), class = "one")       # a bare scalar
json <- function(x) {
  if (is.null(x)) return("null")
  if (inherits(x, "one")) return(if (is.character(x[[1]])) text(x[[1]]) else if (is.logical(x[[1]]) && !is.na(x[[1]])) tolower(x[[1]]) else number(x[[1]]))
  if (is.list(x)) {
    if (is.null(names(x))) return(paste0("[", paste(vapply(x, json, ""), collapse = ", "), "]"))
    return(paste0("{", paste(paste0(vapply(names(x), text, ""), ": ", vapply(x, json, "")), collapse = ", "), "}"))
  }
  if (is.matrix(x)) return(json(lapply(seq_len(nrow(x)), function(i) unname(x[i, ]))))
  if (is.character(x)) return(paste0("[", paste(vapply(x, text, ""), collapse = ", "), "]"))
  paste0("[", paste(vapply(as.numeric(x), number, ""), collapse = ", "), "]")
}

here <- sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE))
HERE <- if (length(here)) dirname(here) else "tests/reference"

# ---- run R, keep its warnings, turn an error into a value ----
guarded <- function(expr) {
  notes <- character(0)
  out <- tryCatch(withCallingHandlers(expr, warning = function(w) {
    notes <<- c(notes, conditionMessage(w)); invokeRestart("muffleWarning")
  }), error = function(e) list(error = one(conditionMessage(e))))
  if (length(notes)) out$warnings <- notes
  out
}

# curves by group and cause; the steps of cuminc are pairs, so a time stands twice: the last value counts
curves_of <- function(d) guarded({
  f <- if (is.null(d$group)) cuminc(d$time, d$event) else cuminc(d$time, d$event, d$group)
  f <- f[names(f) != "Tests"]
  lapply(f, function(k) {        # limits of F: cuminc has none, these are survival's for its estimate and variance
    limits <- survival:::survfit_confint(pmin(k$est, 1), sqrt(pmax(k$var, 0)), logse = FALSE, conf.type = "log-log", conf.int = 0.95)
    list(time = k$time, est = k$est, var = k$var, lower = limits$lower, upper = limits$upper)
  })
})

gray_of <- function(d, rho, strata) guarded({
  f <- if (strata) cuminc(d$time, d$event, d$group, d$strata, rho = rho) else cuminc(d$time, d$event, d$group, rho = rho)
  t <- f$Tests      # a statistic of -1 means that its variance is singular
  list(cause = as.integer(rownames(t)), stat = unname(t[, "stat"]), pv = unname(t[, "pv"]), df = unname(t[, "df"]))
})

crr_of <- function(d, x, cause) guarded({
  f <- crr(d$time, d$event, x, failcode = cause, gtol = 1e-12, maxiter = 100)
  list(cause = one(cause), coef = unname(f$coef), var = unname(as.matrix(f$var)), inverse_information = unname(as.matrix(f$invinf)),
       loglik = c(f$loglik.null, f$loglik), converged = one(f$converged))
})

cases <- list()
add <- function(id, note, data, x = NULL, rhos = c(0, 1), causes = 1:2) {
  stopifnot(!id %in% vapply(cases, function(k) k$id[[1]], ""))
  d <- as.data.frame(data)
  out <- list(curves = curves_of(d))
  if (!is.null(d$group)) for (rho in rhos) {
    out$gray[[length(out$gray) + 1]] <- c(list(rho = one(rho), stratified = one(FALSE)), gray_of(d, rho, FALSE))
    if (!is.null(d$strata)) out$gray[[length(out$gray) + 1]] <- c(list(rho = one(rho), stratified = one(TRUE)), gray_of(d, rho, TRUE))
  }
  if (!is.null(x)) {
    x <- as.matrix(x)
    out$crr <- lapply(causes, function(cause) crr_of(d, x, cause))
  }
  cases[[length(cases) + 1]] <<- list(id = one(id), note = one(note), data = c(as.list(d), if (!is.null(x)) list(x = unname(x))), outputs = out)
}

# ---- the cases ----
m <- read.csv(file.path(HERE, "data", "mgus.csv"))
add("mgus", "241 subjects, ties", list(time = m$etime, event = m$ev, group = m$male, strata = as.integer(m$age > 65)), cbind(m$age, m$male), rhos = c(0, 1, -1, .5))
add("mgus_three_groups", "three groups by age", list(time = m$etime, event = m$ev, group = as.integer(cut(m$age, c(0, 58, 70, 200))) - 1, strata = m$male), cbind(m$male))
e <- list(time = c(1,2,2,3,4,4,5,6,7,8,8,9), event = c(1,2,1,0,1,1,2,0,1,2,1,0))
add("twelve", "twelve subjects, ties between causes", c(e, list(group = rep(0:1, 6))), cbind(rep(0:1, 6)))
random <- function(seed, n, times, groups, strata = FALSE, prob = c(.25, .4, .35)) {
  set.seed(seed)
  d <- list(time = if (times) sample(times, n, TRUE) + 0 else round(rexp(n), 4) + 1e-4, event = sample(seq_along(prob) - 1, n, TRUE, prob = prob),
            group = sample(rep(seq_len(groups) - 1, length = n)))
  if (strata) d$strata <- sample(1:3, n, TRUE)
  d
}
two <- function(d, seed) { set.seed(seed); cbind(d$group == 1, round(rnorm(length(d$time)), 2)) + 0 }
d <- random(1, 40, FALSE, 2); add("no_ties", "no ties", d, two(d, 101), rhos = c(0, 1, -1, .5))
d <- random(2, 40, 8, 2); add("ties", "heavy ties", d, two(d, 102), rhos = c(0, 1, -1, .5))
d <- random(3, 60, 6, 3); add("ties_three_groups", "heavy ties, three groups", d, two(d, 103))
d <- random(4, 60, 10, 2, TRUE); add("ties_strata", "heavy ties, three strata", d, two(d, 104))
d <- random(5, 60, FALSE, 4, TRUE); add("strata_four_groups", "no ties, four groups, three strata", d, two(d, 105))
d <- random(6, 50, 9, 2, prob = c(.2, .3, .3, .2)); add("three_causes", "three causes, heavy ties", d, two(d, 106), causes = 1:3)
d <- random(7, 30, 9, 2, prob = c(0, .5, .5)); add("no_censoring", "nobody is censored, ties", d, two(d, 107))
d <- random(8, 30, 9, 2, prob = c(.4, .6, 0)); add("one_cause", "one cause only: ordinary survival", d, two(d, 108), causes = 1)
d <- random(9, 30, 9, 2, prob = c(.1, .1, .8)); add("rare_cause", "few deaths of cause 1, many of cause 2", d, cbind(d$group))
add("no_cause_1_in_group_1", "group 1 has no death of cause 1",
    list(time = c(1,2,3,4,5,6, 1.5,2.5,3.5,7,8,9), event = c(1,1,2,1,0,2, 2,0,2,2,0,0), group = rep(0:1, each = 6)), cbind(rep(0:1, each = 6)))
add("no_event_in_group_1", "group 1 has no event at all",
    list(time = c(1,2,3,4,5,6, 1.5,2.5,3.5,7,8,9), event = c(1,1,2,1,0,2, 0,0,0,0,0,0), group = rep(0:1, each = 6)), cbind(rep(0:1, each = 6)))
add("all_tied", "one time only", list(time = rep(5, 12), event = rep(c(0, 1, 2, 1), 3), group = rep(0:1, 6)), cbind(rep(0:1, 6)))
add("last_dead", "the last in each group dies: no one is left",
    list(time = c(1,3,5,7,9, 2,4,6,8,10), event = c(1,0,2,1,1, 2,1,0,1,2), group = rep(0:1, each = 5)), cbind(rep(0:1, each = 5)))
add("last_tied_dead", "the last times are tied deaths of both causes",
    list(time = c(1,3,7,7,7, 2,4,8,8,8), event = c(1,0,2,1,1, 2,1,1,1,2), group = rep(0:1, each = 5)), cbind(rep(0:1, each = 5)))
add("censored_at_death", "censored at the times of the deaths",
    list(time = c(2,2,4,4,6,6, 2,2,4,4,6,6), event = c(1,0,2,0,1,0, 0,2,1,1,0,0), group = rep(0:1, each = 6)), cbind(rep(0:1, each = 6)))
add("group_gone_early", "group 1 has left before the first death of cause 1: the test has no information",
    list(time = c(5,6,7,8,9, 1,2,3), event = c(1,2,1,0,1, 0,2,0), group = rep(0:1, c(5, 3))))
add("stratum_of_one_group", "one stratum holds group 0 alone",
    list(time = c(1,2,3,4,5,6, 2,3,4,5, 1,2,3), event = c(1,2,1,0,1,2, 1,2,0,1, 1,2,1), group = c(0,1,0,1,0,1, 0,1,1,0, 0,0,0), strata = rep(1:3, c(6, 4, 3))))
add("one_subject_in_group_1", "one subject in group 1",
    list(time = c(1,2,3,4,5,6,7), event = c(1,2,1,0,1,2,1), group = c(0,0,0,1,0,0,0)))
add("few_left", "late ties when others of the group have gone: what ties leave of the variance is negative for one group",
    list(time = c(1,2,3,4,5,6,8,8, 1.5,6.5,7,8,8,9), event = c(2,2,2,1,2,0,1,1, 2,1,0,1,2,1), group = rep(0:1, c(8, 6))))
add("incidence_beyond_one", "group 0 is censored away: the pooled incidence passes 1 while both groups are at risk; rho = 1/2 is an error in R",
    list(time = c(1:50, rep(51, 49), 100, 60:64), event = c(rep(1, 4), 2, rep(1, 45), rep(0, 49), 1, rep(1, 5)), group = rep(0:1, c(100, 5))),
    rhos = c(0, 1, -1, .5))

out <- file.path(HERE, "competing.json")
writeLines(c("[", paste0(vapply(cases, json, ""), c(rep(",", length(cases) - 1), "")), "]"), out)
cat(length(cases), "cases,", R.version.string, ", cmprsk", as.character(packageVersion("cmprsk")), "\n")
