# Reference values for small awkward data sets.
# Run from the repository root:  Rscript tests/reference/nasty.R
# Writes nasty.json beside this script.  Needs R with the package survival.
suppressPackageStartupMessages(library(survival))

# ---- JSON: 17 significant digits, so that every double is read back unchanged ----
number <- function(v) {
  if (is.nan(v)) "\"NaN\"" else if (is.na(v)) "null"
  else if (is.infinite(v)) if (v > 0) "\"Inf\"" else "\"-Inf\""
  else sprintf("%.17g", v)
}
text <- function(s) paste0("\"", gsub("\n", " ", gsub("\"", "\\\\\"", gsub("\\\\", "\\\\\\\\", s))), "\"")
one <- function(x) structure(list(x), class = "one")       # a bare scalar
json <- function(x) {
  if (inherits(x, "one")) return(if (is.character(x[[1]])) text(x[[1]]) else if (is.logical(x[[1]]) && !is.na(x[[1]])) tolower(x[[1]]) else number(x[[1]]))
  if (is.list(x)) {
    if (is.null(names(x))) return(paste0("[", paste(vapply(x, json, ""), collapse = ", "), "]"))
    return(paste0("{", paste(paste0(vapply(names(x), text, ""), ": ", vapply(x, json, "")), collapse = ", "), "}"))
  }
  if (is.matrix(x)) return(json(lapply(seq_len(nrow(x)), function(i) unname(x[i, ]))))
  if (is.character(x)) return(paste0("[", paste(vapply(x, text, ""), collapse = ", "), "]"))
  paste0("[", paste(vapply(as.numeric(x), number, ""), collapse = ", "), "]")
}

# ---- run R, keep its warnings, turn an error into a value ----
guarded <- function(expr) {
  notes <- character(0)
  out <- tryCatch(withCallingHandlers(expr, warning = function(w) {
    notes <<- c(notes, conditionMessage(w)); invokeRestart("muffleWarning")
  }), error = function(e) list(error = one(conditionMessage(e))))
  if (length(notes)) out$warnings <- notes
  out
}

CONF <- c("plain", "log", "log-log")
P <- c(.25, .5, .75)

response <- function(d) if (is.null(d$entry)) Surv(d$time, d$event) else Surv(d$entry, d$time, d$event)

km_arm <- function(d, timefix = TRUE) guarded({
  d$y <- response(d)
  if (is.null(d$weight)) d$weight <- 1
  d$row <- seq_len(nrow(d))
  fit_with <- function(ct, robust = FALSE) {
    # left-truncated data need the subjects named for the robust variance
    if (robust) survfit(y ~ 1, data = d, weights = weight, cluster = row, conf.type = ct, timefix = timefix)
    else survfit(y ~ 1, data = d, weights = weight, robust = FALSE, conf.type = ct, timefix = timefix)
  }
  f <- fit_with("plain")
  out <- list(time = f$time, n_risk = f$n.risk, n_event = f$n.event, n_censor = f$n.censor,
              surv = f$surv, std_err = f$surv * f$std.err, std_err_logS = f$std.err,
              limits = list(), quantiles = list(p = P))
  for (ct in CONF) {
    g <- fit_with(ct)
    out$limits[[ct]] <- list(lower = g$lower, upper = g$upper)
    q <- quantile(g, probs = P)
    out$quantiles$quantile <- unname(q$quantile)
    out$quantiles[[ct]] <- list(lower = unname(q$lower), upper = unname(q$upper))
    # the median and its limits as printed: not always those of quantile()
    printed <- summary(g)$table[c("median", "0.95LCL", "0.95UCL")]
    out$table[[ct]] <- setNames(lapply(unname(printed), one), c("median", "lower", "upper"))
  }
  r <- fit_with("plain", TRUE)
  out$robust <- list(std_err = if (isTRUE(r$logse)) r$surv * r$std.err else r$std.err,
                     logse = one(isTRUE(r$logse)), limits = list())
  for (ct in CONF) { g <- fit_with(ct, TRUE); out$robust$limits[[ct]] <- list(lower = g$lower, upper = g$upper) }
  out
})

km_all <- function(d, timefix = TRUE) {
  arms <- sort(unique(d$arm))
  out <- lapply(arms, function(a) km_arm(d[d$arm == a, , drop = FALSE], timefix))
  setNames(out, paste0("arm", arms))
}

logrank <- function(d, rho = 0) guarded({
  d$y <- response(d)
  d$arm <- factor(d$arm, levels = sort(unique(d$arm)))
  # whole-number case weights are repeated rows; survdiff itself takes no weights
  if (!is.null(d$weight)) {
    if (any(d$weight != floor(d$weight))) stop("weights are not whole numbers: no survdiff reference")
    d <- d[rep(seq_len(nrow(d)), d$weight), ]
  }
  f <- if (is.null(d$strata)) survdiff(y ~ arm, data = d, rho = rho)
       else survdiff(y ~ arm + strata(strata), data = d, rho = rho)
  total <- function(m) if (is.matrix(m)) rowSums(m) else m
  exp_ <- total(f$exp)
  df <- sum(exp_ > 0) - 1
  list(obs = unname(total(f$obs)), exp = unname(exp_), var = unname(as.matrix(f$var)),
       chisq = one(f$chisq), df = one(df), p = one(pchisq(f$chisq, df, lower.tail = FALSE)))
})

cox_fit <- function(d, terms, ties, control, timefix = TRUE, robust = FALSE, use_cluster = FALSE) guarded({
  d$y <- response(d)
  rhs <- paste(c(terms, if (!is.null(d$strata)) "strata(strata)"), collapse = " + ")
  control$timefix <- timefix
  args <- list(formula = as.formula(paste("y ~", rhs)), data = d, ties = ties, control = control, robust = robust)
  if (!is.null(d$weight)) args$weights <- d$weight
  if (robust) args$cluster <- if (use_cluster) d$cluster else seq_len(nrow(d))
  f <- do.call(coxph, args)
  out <- list(terms = terms, coef = unname(coef(f)), var = unname(as.matrix(f$var)), loglik = f$loglik,
              score = one(f$score), wald = one(as.numeric(f$wald.test)),
              lrt = one(2 * diff(f$loglik)), iter = one(f$iter),
              concordance = as.list(vapply(f$concordance, identity, 0)))
  out$concordance <- lapply(out$concordance, one)
  if (robust) { out$naive_var <- unname(as.matrix(f$naive.var)); out$rscore <- one(as.numeric(f$rscore)) }
  out
})

cases <- list()
add <- function(id, note, data, terms = "arm", default_control = FALSE, timefix_off = FALSE) {
  d <- as.data.frame(data)
  stopifnot(nrow(d) <= 60, !id %in% vapply(cases, function(k) k$id[[1]], ""))
  # a tighter stop than R's default, except where the estimate is infinite or not unique
  control <- if (default_control) coxph.control() else
    coxph.control(eps = 1e-11, iter.max = 50, toler.inf = sqrt(1e-9))
  out <- list(km = km_all(d), logrank = logrank(d), logrank_rho1 = logrank(d, 1), cox = list())
  for (ties in c("efron", "breslow", "exact")) out$cox[[ties]] <- cox_fit(d, terms, ties, control)
  if (!is.null(d$weight) || !is.null(d$cluster))
    for (ties in c("efron", "breslow"))
      out$cox_robust[[ties]] <- cox_fit(d, terms, ties, control, robust = TRUE)
  if (!is.null(d$cluster))
    for (ties in c("efron", "breslow"))
      out$cox_cluster[[ties]] <- cox_fit(d, terms, ties, control, robust = TRUE, use_cluster = TRUE)
  if (timefix_off) {
    out$km_timefix_off <- km_all(d, FALSE)
    out$cox_timefix_off <- list()
    for (ties in c("efron", "breslow", "exact"))
      out$cox_timefix_off[[ties]] <- cox_fit(d, terms, ties, control, timefix = FALSE)
  }
  cases[[length(cases) + 1]] <<- list(id = one(id), note = one(note), terms = terms,
                                      default_control = one(default_control),
                                      data = as.list(d), outputs = out)
}

# ---- the cases ----
add("all_tied", "every time equal, some censored",
    list(time = rep(5, 10), event = c(1,1,0,1,0, 1,0,0,1,0), arm = rep(0:1, each = 5)))
add("all_tied_all_dead", "every time equal, everybody dies",
    list(time = rep(5, 6), event = rep(1, 6), arm = rep(0:1, each = 3)))
add("no_event_in_arm1", "no event in arm 1",
    list(time = c(1,2,3,4,5,6, 1.5,2.5,3.5,7,8,9), event = c(1,1,0,1,1,0, 0,0,0,0,0,0), arm = rep(0:1, each = 6)),
    default_control = TRUE)
add("no_events", "nobody dies", list(time = 1:6, event = rep(0, 6), arm = rep(0:1, 3)), default_control = TRUE)
add("one_patient_dead", "one patient, dies", list(time = 3, event = 1, arm = 0), default_control = TRUE)
add("one_patient_censored", "one patient, censored", list(time = 3, event = 0, arm = 0), default_control = TRUE)
add("one_per_arm", "one patient in each arm, both die", list(time = c(2, 4), event = c(1, 1), arm = 0:1), default_control = TRUE)
add("one_per_arm_tied", "one patient in each arm, both die at the same time",
    list(time = c(2, 2), event = c(1, 1), arm = 0:1), default_control = TRUE)
add("one_event_tied", "two patients, same time, one dies", list(time = c(2, 2), event = c(1, 0), arm = 0:1), default_control = TRUE)
add("zero_times", "deaths and censoring at time 0",
    list(time = c(0,0,1,2,3,4, 0,0,1,3,5,6), event = c(1,0,1,0,1,1, 1,1,0,1,1,0), arm = rep(0:1, each = 6)))
add("half_flat_then_drop", "S exactly 1/2 on a flat stretch, then a drop; arm 1 has censored times inside the stretch",
    list(time = c(1,2,5,8, 1,3,4,6,7,9), event = c(1,1,1,1, 1,1,0,0,1,1), arm = rep(0:1, c(4, 6))))
add("half_flat_inside", "S exactly 1/2 with a censored time between the two deaths",
    list(time = c(3,3,5,8,10,12, 2,4,6,8), event = c(1,1,1,0,1,1, 1,1,0,1), arm = rep(0:1, c(6, 4))))
add("half_flat_to_end", "S stays at 1/2 to the end; arm 0 by censoring later, arm 1 at the last time",
    list(time = c(1,2,5,8, 6,6,6,6), event = c(1,1,0,0, 1,1,0,0), arm = rep(0:1, each = 4)))
add("quarter_flat", "S exactly 3/4, 1/2 and 1/4 on flat stretches",
    list(time = c(1,2,3,4, 2,2,4,4,6,6,9,9), event = c(1,1,1,0, 1,1,1,1,1,1,0,0), arm = rep(0:1, c(4, 8))))
for (n in seq(4, 20, 2)) {
  set.seed(100 + n)
  add(sprintf("even_n_%02d", n), "no censoring, even size: S passes 1/2 exactly at n/2",
      list(time = c(seq_len(n) + .5, sample(n) + .25), event = rep(1, 2 * n), arm = rep(0:1, each = n)))
}
eps <- .Machine$double.eps
add("upper_limit_rises", "the log upper limit dips below 3/4 (arm 0) and 1/2 (arm 1) and rises again: quantile() and the printed table part",
    list(time = c(1:13, 1:19), event = c(1,1,1,1,0,1,1,1,1,1,0,1,0, rep(1, 16),0,1,0), arm = rep(0:1, c(13, 19))))
add("last_bit_next", "times that differ by one unit in the last place",
    list(time = c(1, 1 + eps, 2, 3, 4, 1, 1 + eps, 3 + 2 * eps, 5, 6), event = c(1,1,1,0,1, 0,1,1,1,1), arm = rep(0:1, each = 5)),
    timefix_off = TRUE)
add("last_bit_sum", "0.1 + 0.2 against 0.3 and 1.1 * 3 against 3.3",
    list(time = c(0.3, 0.1 + 0.2, 3.3, 1.1 * 3, 4, 0.1 + 0.2, 0.3, 1.1 * 3, 5, 6), event = c(1,1,0,1,1, 1,0,1,1,0), arm = rep(0:1, each = 5)),
    timefix_off = TRUE)
add("near_times_1e-9", "gaps of 1e-9 among times near 1: closer than the tolerance",
    list(time = c(1, 1 + 1e-9, 2, 2 + 3e-9, 3, 1 + 2e-9, 2 + 1e-9, 2.5, 3 + 1e-9, 4), event = c(1,1,1,0,1, 1,1,0,1,0), arm = rep(0:1, each = 5)),
    timefix_off = TRUE)
add("chain_of_gaps", "gaps of 1e-8 in a chain: neighbors are near, the ends are not",
    list(time = c(1, 1 + 1e-8, 1 + 2e-8, 1 + 3e-8, 2, 1 + 1.5e-8, 1 + 4e-8, 1.5, 3, 4), event = c(1,1,1,0,1, 1,1,1,1,0), arm = rep(0:1, each = 5)),
    timefix_off = TRUE)
add("entry_gap", "left truncation: nobody at risk between 4 and 6, S reaches 0 before the late entries",
    list(time = c(2,4,8,9,10, 3,4,7,9,11), event = c(1,1,1,0,1, 1,1,1,1,0), arm = rep(0:1, each = 5),
         entry = c(0,1,6,6,7, 0,2,6,7,8)))
add("entry_gap_censored", "left truncation: nobody at risk between 4 and 6, the early ones end by censoring",
    list(time = c(2,4,8,9,10, 3,4,7,9,11), event = c(1,0,1,0,1, 1,0,1,1,0), arm = rep(0:1, each = 5),
         entry = c(0,1,6,6,7, 0,2,6,7,8)))
add("entry_at_death", "entry times equal to death times: not at risk there",
    list(time = c(3,5,5,8,9, 3,5,7,8,10), event = c(1,1,0,1,1, 1,1,1,0,1), arm = rep(0:1, each = 5),
         entry = c(0,0,3,3,5, 1,3,5,5,8)))
add("stratum_one_arm", "stratum 2 holds arm 0 only",
    list(time = c(1,2,4,5,7, 2,3,6,8,9, 1,3,5), event = c(1,1,0,1,1, 1,0,1,1,0, 1,1,0), arm = c(0,0,0,0,0, 1,1,1,1,1, 0,0,0),
         strata = c(1,1,1,1,1, 1,1,1,1,1, 2,2,2)))
add("singleton_strata", "every stratum holds one patient",
    list(time = c(1,2,3,4), event = c(1,1,0,1), arm = c(0,1,0,1), strata = 1:4), default_control = TRUE)
add("some_singleton_strata", "two singletons, one stratum without events, one proper stratum",
    list(time = c(1,2, 3,4,5, 1,2,3,4,5,6,7,8), event = c(1,1, 0,0,0, 1,1,1,0,1,1,0,1), arm = c(0,1, 0,1,1, 0,1,0,1,1,0,0,1),
         strata = c(1,2, 3,3,3, 4,4,4,4,4,4,4,4)))
add("separation_complete", "all deaths in arm 0, which also outlives nobody",
    list(time = c(1,2,3,4,5, 6,7,8,9,10), event = c(1,1,1,1,1, 0,0,0,0,0), arm = rep(0:1, each = 5)), default_control = TRUE)
add("separation_quasi", "x1 separates, x2 does not; arm 1 has no event",
    list(time = c(1,2,3,4,5,6, 2,4,6,7,8,9), event = c(1,1,1,1,1,1, 0,0,0,0,0,0), arm = rep(0:1, each = 6),
         x1 = rep(0:1, each = 6), x2 = c(.3,-1,.5,2,-.2,1.1,.4,-.7,.9,-1.5,.1,.6)), terms = c("x1", "x2"), default_control = TRUE)
add("separation_order", "the order of x is the order of the deaths: the likelihood rises without bound in x1",
    list(time = 1:8, event = rep(1, 8), arm = rep(0:1, 4), x1 = c(8,7,6,5,4,3,2,1)), terms = "x1", default_control = TRUE)
set.seed(31)
x <- round(rnorm(24), 3)
add("collinear", "x2 = 2 x1 - 1, then x3 free",
    list(time = round(rexp(24) * 10) + 1, event = rbinom(24, 1, .75), arm = rep(0:1, 12), x1 = x, x2 = 2 * x - 1, x3 = round(runif(24), 3)),
    terms = c("x1", "x2", "x3"))
set.seed(32)
add("constant_column", "x1 constant, arm free",
    list(time = round(rexp(20) * 10) + 1, event = rbinom(20, 1, .75), arm = rep(0:1, 10), x1 = rep(3, 20)), terms = c("x1", "arm"))
set.seed(33)
add("x_around_1e6", "covariate near 1e6 with standard deviation about 1",
    list(time = round(rexp(30) * 12) + 1, event = rbinom(30, 1, .7), arm = rep(0:1, 15), x1 = 1e6 + round(rnorm(30), 4)), terms = c("x1", "arm"))
add("times_1e9_wide", "times near 1e9, gaps of 100 or more: wider than the tolerance relative to the mean",
    list(time = 1e9 + c(0,100,200,300,400, 50,150,250,350,450) * 100, event = c(1,1,1,0,1, 1,0,1,1,1), arm = rep(0:1, each = 5)),
    timefix_off = TRUE)
add("times_1e9_close", "times near 1e9 with gaps of 1 to 100: some closer than the tolerance times the mean",
    list(time = 1e9 + c(0,1,40,41,90, 2,20,45,60,160), event = c(1,1,1,0,1, 1,0,1,1,1), arm = rep(0:1, each = 5)),
    timefix_off = TRUE)
add("times_1e-9", "the whole data on a scale of 1e-9: one time for R",
    list(time = c(1,3,5,7,9, 2,4,6,8,10) * 1e-9, event = c(1,1,1,0,1, 1,0,1,1,1), arm = rep(0:1, each = 5)),
    timefix_off = TRUE)
set.seed(41)
add("heavy_ties_3_arms", "three arms, five distinct times",
    within(list(time = sample(5, 45, TRUE), event = rbinom(45, 1, .7), arm = rep(0:2, 15)),
           { arm2 <- as.numeric(arm == 2); arm1 <- as.numeric(arm == 1) }), terms = c("arm1", "arm2"))
add("third_arm_empty_tail", "three arms, one leaves before the first death of the others",
    within(list(time = c(1,1.5,2, 3,5,7,9, 4,5,8,9), event = c(0,0,0, 1,1,0,1, 1,1,1,0), arm = c(2,2,2, 0,0,0,0, 1,1,1,1)),
           { arm2 <- as.numeric(arm == 2); arm1 <- as.numeric(arm == 1) }), terms = c("arm1", "arm2"), default_control = TRUE)
set.seed(42)
add("weights_ties", "weights that are not whole numbers, ties",
    list(time = sample(6, 24, TRUE), event = rbinom(24, 1, .7), arm = rep(0:1, 12), weight = round(runif(24, .2, 3), 2)))
set.seed(43)
add("weights_whole_ties", "whole-number weights, ties",
    list(time = sample(6, 20, TRUE), event = rbinom(20, 1, .7), arm = rep(0:1, 10), weight = sample(1:4, 20, TRUE)))
set.seed(44)
add("weights_strata_ties", "weights, strata, ties, two covariates",
    list(time = sample(8, 40, TRUE), event = rbinom(40, 1, .7), arm = rbinom(40, 1, .5), weight = round(rexp(40) + .1, 3),
         strata = rep(1:3, length.out = 40), x1 = round(rnorm(40), 2)), terms = c("arm", "x1"))
set.seed(45)
add("cluster_ties", "clusters of unequal size, ties",
    list(time = sample(7, 36, TRUE), event = rbinom(36, 1, .7), arm = rbinom(36, 1, .5), x1 = round(rnorm(36), 2),
         cluster = sample(10, 36, TRUE)), terms = c("arm", "x1"))
set.seed(46)
add("cluster_weights_ties", "clusters, weights, strata, ties",
    list(time = sample(7, 36, TRUE), event = rbinom(36, 1, .7), arm = rbinom(36, 1, .5), weight = round(runif(36, .3, 2.5), 2),
         strata = rep(1:2, 18), cluster = sample(9, 36, TRUE)))
set.seed(47)
start <- sample(0:4, 50, TRUE)
add("entry_ties_strata_weights", "left truncation, ties, strata, weights",
    list(time = start + sample(6, 50, TRUE), event = rbinom(50, 1, .7), arm = rbinom(50, 1, .5), entry = start,
         strata = rep(1:2, 25), weight = round(runif(50, .2, 2), 2), x1 = round(rnorm(50), 2)), terms = c("arm", "x1"))
set.seed(48)
start <- sample(0:4, 50, TRUE)
add("entry_ties_strata", "left truncation, ties, strata",
    list(time = start + sample(6, 50, TRUE), event = rbinom(50, 1, .7), arm = rbinom(50, 1, .5), entry = start, strata = rep(1:2, 25)))
set.seed(49)
add("large_censoring", "four deaths among sixty",
    list(time = round(runif(60, 1, 30), 1), event = replace(rep(0, 60), c(5, 20, 33, 47), 1), arm = rep(0:1, 30)))
add("censored_at_death", "censored at the same times as the deaths, also at the last time",
    list(time = c(2,2,4,4,6,6, 2,2,4,4,6,6), event = c(1,0,1,0,1,0, 0,1,1,1,0,0), arm = rep(0:1, each = 6)))
add("last_time_dead", "the last in each arm dies: S ends at 0",
    list(time = c(1,3,5,7,9, 2,4,6,8,10), event = c(1,0,1,1,1, 1,1,0,1,1), arm = rep(0:1, each = 5)))
set.seed(50)
add("mixed_covariates", "ties, three covariates, forty patients",
    list(time = ceiling(rexp(40) * 12), event = rbinom(40, 1, .7), arm = rep(0:1, 20), x1 = round(rnorm(40), 2), x2 = round(runif(40) * 50 + 30)),
    terms = c("arm", "x1", "x2"))
set.seed(51)
add("strata_rho", "three strata of different hazards, ties, two arms",
    list(time = ceiling(rexp(48) * rep(c(5, 10, 20), 16)), event = rbinom(48, 1, .8), arm = rbinom(48, 1, .5), strata = rep(1:3, 16)))

here <- sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE))
out <- file.path(if (length(here)) dirname(here) else "tests/reference", "nasty.json")
writeLines(c("[", paste0(vapply(cases, json, ""), c(rep(",", length(cases) - 1), "")), "]"), out)
cat(length(cases), "cases,", R.version.string, ", survival", as.character(packageVersion("survival")), "\n")
