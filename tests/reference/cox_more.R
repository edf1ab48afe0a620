# Reference values of what is built on a Cox fit: residuals, zph, baseline hazard, predicted survival, robust
# variance of (start, stop] rows, nested models, profile-likelihood limits and Firth's penalty.
# Run from the repository root:  Rscript tests/reference/cox_more.R
# Writes cox_more.json beside this script.  Needs R with the package survival.
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
CONF <- c("plain", "log", "log-log")
TRANSFORMS <- c("km", "rank", "identity", "log")
LEVEL <- 0.95
# coxph stops at a relative change of the log-likelihood; 1e-13 leaves the coefficients good to some 1e-12
TIGHT <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 100)

response <- function(d) if (is.null(d$entry)) Surv(d$time, d$event) else Surv(d$entry, d$time, d$event)

fitted_model <- function(d, terms, ties, robust = FALSE) {
  d$y <- response(d)
  model <- as.formula(paste("y ~", paste(c(terms, if (!is.null(d$strata)) "strata(strata)"), collapse = " + ")))
  args <- list(formula = model, data = quote(d), ties = ties, control = quote(TIGHT), robust = robust, x = TRUE, model = TRUE)
  if (!is.null(d$weight)) args$weights <- quote(weight)
  if (robust) args$cluster <- quote(subject)
  do.call(coxph, args)
}

as_rows <- function(r, p) if (is.matrix(r)) unname(r) else matrix(unname(r), ncol = p)

residuals_of <- function(f, d) {
  p <- length(coef(f))
  out <- list(martingale = unname(residuals(f, "martingale")), deviance = unname(residuals(f, "deviance")))
  for (type in c("score", "dfbeta", "dfbetas")) out[[type]] <- as_rows(residuals(f, type, weighted = FALSE), p)
  if (!is.null(d$weight)) out$weighted <- list(martingale = unname(residuals(f, "martingale", weighted = TRUE)),
    score = as_rows(residuals(f, "score", weighted = TRUE), p), dfbeta = as_rows(residuals(f, "dfbeta"), p),
    dfbetas = as_rows(residuals(f, "dfbetas"), p))
  if (!is.null(d$subject)) {   # rows of a subject added up, subjects in the order of their first row
    ids <- factor(d$subject, levels = unique(d$subject))
    out$by_subject <- list(subject = unique(d$subject),
      martingale = unname(residuals(f, "martingale", collapse = ids)),
      deviance = unname(residuals(f, "deviance", collapse = ids)))
    for (type in c("score", "dfbeta", "dfbetas"))
      out$by_subject[[type]] <- as_rows(residuals(f, type, collapse = ids, weighted = FALSE), p)
  }
  s <- residuals(f, "schoenfeld")
  out$schoenfeld <- list(time = if (is.matrix(s)) as.numeric(rownames(s)) else as.numeric(names(s)), value = as_rows(s, p))
  if (!is.null(attr(s, "strata"))) out$schoenfeld$stratum_counts <- unname(attr(s, "strata"))
  out$scaled_schoenfeld <- as_rows(residuals(f, "scaledsch"), p)
  out
}

zph_of <- function(f) {
  out <- list()
  for (transform in TRANSFORMS) {
    z <- cox.zph(f, transform = transform)
    out[[transform]] <- list(rows = rownames(z$table), chisq = unname(z$table[, "chisq"]), df = unname(z$table[, "df"]),
                             p = unname(z$table[, "p"]), g = unname(z$x), time = unname(z$time))
  }
  out
}

base_of <- function(f) {
  b <- basehaz(f, centered = FALSE)
  s <- if (is.null(b$strata)) rep(1, nrow(b)) else as.integer(sub(".*=", "", as.character(b$strata)))
  list(stratum = s, time = b$time, hazard = b$hazard)
}

predicted <- function(f, profile) {
  out <- list(limits = list())
  for (ct in CONF) {
    g <- survfit(f, newdata = profile, conf.type = ct, conf.int = LEVEL)
    s <- if (is.null(g$strata)) rep(1, length(g$time)) else
      rep(as.integer(sub(".*=", "", sub(",.*", "", names(g$strata)))), g$strata)
    out$stratum <- s; out$time <- g$time; out$surv <- as.numeric(g$surv)
    out$cumhaz <- as.numeric(g$cumhaz); out$std_err_logS <- as.numeric(g$std.err)
    out$limits[[ct]] <- list(lower = as.numeric(g$lower), upper = as.numeric(g$upper))
  }
  out
}

# coxph's engine without the formula: (start, stop] rows, coefficients held where iter.max is 0
engine <- function(d, x, ties, init = NULL, offset = NULL, steps = 100) {
  start <- if (is.null(d$entry)) rep(min(d$time) - 1, length(d$time)) else d$entry
  strata <- if (is.null(d$strata)) NULL else as.integer(factor(d$strata))
  agreg.fit(x, Surv(start, d$time, d$event), strata, offset, init, coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = steps),
            d$weight, ties, NULL, resid = FALSE, nocenter = NULL)
}

# the two values of one coefficient at which twice the drop of the log-likelihood, maximized over the others,
# is the chi-square quantile: the column goes into an offset
profile_limits <- function(d, x, ties) {
  f <- engine(d, x, ties)
  se <- sqrt(diag(as.matrix(f$var))); top <- f$loglik[2]; q <- qchisq(LEVEL, 1)
  lower <- upper <- numeric(0)
  for (j in seq_len(ncol(x))) {
    others <- x[, -j, drop = FALSE]
    gap <- function(b) {
      value <- if (ncol(others)) engine(d, others, ties, offset = b * x[, j])$loglik[2] else engine(d, x, ties, init = b, steps = 0)$loglik[2]
      2 * (top - value) - q
    }
    b <- f$coefficients[j]; reach <- 3 * se[j]
    if (abs(b) * sd(x[, j]) > 12) {     # an infinite estimate: one limit is infinite with it
      finite <- uniroot(gap, if (b > 0) c(-3, 8) else c(-8, 3), tol = 1e-13)$root
      lower[j] <- if (b > 0) finite else -Inf
      upper[j] <- if (b > 0) Inf else finite
      next
    }
    lower[j] <- uniroot(gap, c(b - reach, b), extendInt = "downX", tol = 1e-13)$root
    upper[j] <- uniroot(gap, c(b, b + reach), extendInt = "upX", tol = 1e-13)$root
  }
  list(lower = lower, upper = upper)
}

# ---- Firth: log-likelihood + 1/2 log det information, from coxph's engine held at given coefficients ----
firth_of <- function(d, x, ties) {
  p <- ncol(x)
  at <- function(b) {
    f <- engine(d, x, ties, init = b, steps = 0)
    v <- as.matrix(f$var)
    list(score = f$first, var = v, value = f$loglik[1] - 0.5 * as.numeric(determinant(v)$modulus))
  }
  penalized_score <- function(b) {
    a <- at(b)
    u <- a$score
    for (j in seq_len(p)) {            # d/db log det by central differences of fourth order
      h <- min(1e-3 * sqrt(a$var[j, j]), 1e-2)
      ld <- function(k) { e <- b; e[j] <- b[j] + k * h; -as.numeric(determinant(at(e)$var)$modulus) }
      u[j] <- u[j] + 0.5 * (8 * (ld(1) - ld(-1)) - (ld(2) - ld(-2))) / (12 * h)
    }
    u
  }
  # Newton by differences on: penalized score = 0 in the coefficients `zero`, and, where a target is given, value = target
  solve_for <- function(b, zero, free, target = NULL) {
    equations <- function(b) c(if (!is.null(target)) at(b)$value - target, penalized_score(b)[zero])
    for (step in 1:100) {
      now <- equations(b)
      h <- 1e-4 * sqrt(diag(at(b)$var))
      jac <- vapply(free, function(k) { e <- b; e[k] <- b[k] + h[k]; g <- b; g[k] <- b[k] - h[k]; (equations(e) - equations(g)) / (2 * h[k]) }, now)
      move <- solve(matrix(jac, nrow = length(now)), now)
      se <- sqrt(diag(at(b)$var))[free]
      move <- move * min(1, 1 / max(abs(move / se)))
      b[free] <- b[free] - move
      if (max(abs(move / se)) < 1e-12) return(b)
    }
    if (max(abs(move / se)) > 1e-9) stop("no convergence")
    b
  }
  all <- seq_len(p)
  best <- solve_for(rep(0, p), all, all)
  top <- at(best)
  out <- list(coef = best, loglik = c(at(rep(0, p))$value, top$value), var = top$var, lower = numeric(0), upper = numeric(0), chisq = numeric(0))
  se <- sqrt(diag(top$var)); target <- top$value - qchisq(LEVEL, 1) / 2
  for (j in all) {
    for (side in c(-1, 1)) {
      start <- best; start[j] <- best[j] + side * 1.96 * se[j]
      limit <- solve_for(start, setdiff(all, j), all, target)[j]
      stopifnot(side * (limit - best[j]) > 0)
      if (side < 0) out$lower[j] <- limit else out$upper[j] <- limit
    }
    held <- best; held[j] <- 0
    if (p > 1) held <- solve_for(held, setdiff(all, j), setdiff(all, j))
    out$chisq[j] <- 2 * (top$value - at(held)$value)
  }
  out$p <- pchisq(out$chisq, 1, lower.tail = FALSE)
  out
}

nested <- function(d, terms, ties) {
  big <- fitted_model(d, terms, ties); small <- fitted_model(d, terms[1], ties)
  a <- anova(small, big)
  list(smaller = terms[1], loglik = a$loglik, chisq = one(a$Chisq[2]), df = one(a$Df[2]), p = one(a[["Pr(>|Chi|)"]][2]))
}

cases <- list()
add <- function(id, note, data, terms, profiles, what = c("residuals", "zph", "base", "predicted", "profile", "firth", "nested"),
                ties = c("efron", "breslow")) {
  stopifnot(!id %in% vapply(cases, function(k) k$id[[1]], ""))
  d <- as.data.frame(data)
  if (!is.null(d$weight)) d$weight <- as.numeric(d$weight)      # cox.zph 3.5-3 does not take whole numbers stored as such
  f <- fitted_model(d, terms, "efron")
  x <- f$x; groups <- lapply(f$assign[!grepl("^strata", names(f$assign))], function(k) as.integer(k) - 1L)
  shown <- lapply(profiles, function(r) as.numeric(model.matrix(delete.response(stats::terms(f)), as.data.frame(c(r, if (!is.null(d$strata)) list(strata = d$strata[1]))), xlev = f$xlevels)[, colnames(x)]))
  out <- list()
  for (m in ties) {
    f <- fitted_model(d, terms, m)
    out[[m]] <- list(coef = unname(coef(f)), var = unname(as.matrix(f$var)), loglik = f$loglik, score = one(f$score), wald = one(as.numeric(f$wald.test)))
    if (!is.null(d$subject)) {
      r <- fitted_model(d, terms, m, robust = TRUE)
      out[[m]]$robust <- list(var = unname(as.matrix(r$var)), rscore = one(as.numeric(r$rscore)), wald = one(as.numeric(r$wald.test)))
      if ("predicted" %in% what) out[[m]]$robust$predicted <- lapply(profiles, function(q) predicted(r, as.data.frame(q)))
    }
    if ("residuals" %in% what) out[[m]]$residuals <- residuals_of(f, d)
    if ("zph" %in% what) out[[m]]$zph <- zph_of(f)
    if ("base" %in% what) out[[m]]$base <- base_of(f)
    if ("predicted" %in% what) out[[m]]$predicted <- lapply(profiles, function(q) predicted(f, as.data.frame(q)))
    if ("profile" %in% what) out[[m]]$profile <- profile_limits(d, x, m)
    if ("firth" %in% what && is.null(d$weight)) out[[m]]$firth <- firth_of(d, x, m)
    if ("nested" %in% what && length(terms) > 1) out[[m]]$nested <- nested(d, terms, m)
  }
  keep <- d[intersect(c("entry", "time", "event", "strata", "weight", "subject"), names(d))]
  cases[[length(cases) + 1]] <<- list(id = one(id), note = one(note), columns = colnames(x), terms = groups,
    data = c(as.list(keep), list(x = unname(as.matrix(x[, , drop = FALSE])))), profiles = shown, level = one(LEVEL), outputs = out)
  cat(id, "")
}

# ---- the cases ----
read <- function(name) read.csv(file.path(HERE, "data", name), stringsAsFactors = FALSE)
EVERYTHING <- c("residuals", "zph", "base", "predicted", "profile", "firth", "nested")
v <- read("veteran.csv")
v <- list(time = v$time, event = v$status, test = v$test, karno = v$karno, age = v$age, prior = v$prior, celltype = v$celltype)
VETERAN <- as.data.frame(v)
add("veteran", "four covariates, few ties", VETERAN, c("test", "karno", "age", "prior"),
    list(list(test = 0, karno = 60, age = 60, prior = 0), list(test = 1, karno = 90, age = 40, prior = 1)),
    what = c("zph", "base", "predicted", "profile", "firth", "nested"))
add("veteran_factor", "a factor of four levels: its three columns are one term", VETERAN, c("test", "karno", "celltype"),
    list(list(test = 1, karno = 60, celltype = "adeno")), what = c("zph", "profile", "nested"))
add("veteran_strata", "strata by cell type", transform(VETERAN, strata = as.integer(factor(celltype))), c("test", "karno"),
    list(list(test = 1, karno = 70)), what = c("residuals", "zph", "base", "predicted", "profile", "firth", "nested"))
m <- read("leukemia_6mp.csv")
add("leukemia_6mp", "one arm column, ties", list(time = m$time, event = m$status, arm = m$mp6), "arm", list(list(arm = 0), list(arm = 1)))
s <- read("ties_small.csv")
add("ties_small", "heavy ties", list(time = s$time, event = s$status, arm = s$arm), "arm", list(list(arm = 0), list(arm = 1)))
add("ties_small_weights", "heavy ties, whole-number case weights", list(time = s$time, event = s$status, arm = s$arm, weight = s$w), "arm",
    list(list(arm = 0), list(arm = 1)))
e <- read("entry_small.csv")
add("entry_small", "late entry, eight subjects", list(time = e$time, event = e$status, arm = e$arm, entry = e$entry), "arm", list(list(arm = 0), list(arm = 1)))
l <- read("lung.csv")
l <- l[complete.cases(l[, c("time", "status", "sex", "age", "ph.ecog")]), ]
add("lung", "three covariates, ties", list(time = l$time, event = l$status, sex = l$sex, age = l$age, ecog = l$ph.ecog), c("sex", "age", "ecog"),
    list(list(sex = 1, age = 60, ecog = 1)), what = c("zph", "profile", "nested"))
b <- read("gbsg.csv")
add("gbsg_strata", "strata by grade", list(time = b$rfstime, event = b$status, hormon = b$hormon, age = b$age, nodes = b$nodes, strata = b$grade),
    c("hormon", "age", "nodes"), list(list(hormon = 1, age = 50, nodes = 3)), what = c("zph", "profile", "nested"), ties = "efron")
h <- heart
add("heart", "Stanford heart transplants as (start, stop] rows, a covariate that changes once; robust by patient",
    list(entry = h$start, time = h$stop, event = h$event, transplant = as.numeric(h$transplant == 1), age = h$age, surgery = h$surgery, subject = as.integer(h$id)),
    c("transplant", "age", "surgery"), list(list(transplant = 0, age = -10, surgery = 0), list(transplant = 1, age = 5, surgery = 1)), ties = "efron")

set.seed(11)
add("ties", "heavy ties, two covariates",
    list(time = sample(6, 24, TRUE), event = rbinom(24, 1, .7), arm = rep(0:1, 12), x1 = round(rnorm(24), 2)), c("arm", "x1"),
    list(list(arm = 0, x1 = 0), list(arm = 1, x1 = -.5)))
set.seed(12)
add("ties_strata", "heavy ties in three strata, one of them without an event",
    list(time = sample(6, 30, TRUE), event = rbinom(30, 1, .7) * rep(c(1, 1, 0), 10), arm = rbinom(30, 1, .5), x1 = round(rnorm(30), 2),
         strata = rep(1:3, 10)), c("arm", "x1"), list(list(arm = 1, x1 = .4)))
set.seed(13)
start <- sample(0:4, 30, TRUE)
add("entry_ties", "late entry and ties",
    list(entry = start, time = start + sample(6, 30, TRUE), event = rbinom(30, 1, .7), arm = rep(0:1, 15), x1 = round(rnorm(30), 2)), c("arm", "x1"),
    list(list(arm = 0, x1 = .3), list(arm = 1, x1 = .3)))
set.seed(14)
start <- sample(0:4, 40, TRUE)
add("entry_ties_strata", "late entry, ties, strata",
    list(entry = start, time = start + sample(6, 40, TRUE), event = rbinom(40, 1, .7), arm = rbinom(40, 1, .5), x1 = round(rnorm(40), 2),
         strata = rep(1:2, 20)), c("arm", "x1"), list(list(arm = 1, x1 = 0)))
set.seed(15)
add("factor_ties", "a factor of three levels and an arm, ties",
    list(time = sample(9, 30, TRUE), event = rbinom(30, 1, .8), arm = rep(0:1, 15), g = sample(c("a", "b", "c"), 30, TRUE)), c("arm", "g"),
    list(list(arm = 1, g = "b"), list(arm = 0, g = "c")))
set.seed(16)
add("weights_ties", "case weights that are whole numbers, ties, strata",
    list(time = sample(6, 24, TRUE), event = rbinom(24, 1, .7), arm = rep(0:1, 12), x1 = round(rnorm(24), 2), weight = sample(3, 24, TRUE),
         strata = rep(1:2, each = 12)), c("arm", "x1"), list(list(arm = 1, x1 = .2)))
set.seed(17)
start <- sample(0:3, 24, TRUE)
add("weights_entry", "weights that are fractions, late entry, ties",
    list(entry = start, time = start + sample(5, 24, TRUE), event = rbinom(24, 1, .8), arm = rep(0:1, 12), weight = round(runif(24, .3, 2.5), 2)), "arm",
    list(list(arm = 0), list(arm = 1)))
add("censored_at_death", "censored at the same times as the deaths, also at the last time",
    list(time = c(2,2,4,4,6,6, 2,2,4,4,6,6), event = c(1,0,1,0,1,0, 0,1,1,1,0,0), arm = rep(0:1, each = 6)), "arm", list(list(arm = 0), list(arm = 1)))
add("last_time_dead", "everybody dies at the last time",
    list(time = c(1,3,5,7,9, 2,4,9,9,9), event = c(1,0,1,1,1, 1,1,1,1,1), arm = rep(0:1, each = 5)), "arm", list(list(arm = 0), list(arm = 1)))
add("all_tied", "one event time only", list(time = rep(5, 10), event = c(1,1,0,1,0, 1,0,0,1,0), arm = rep(0:1, each = 5)), "arm",
    list(list(arm = 0), list(arm = 1)), what = c("residuals", "base", "predicted", "profile", "firth"))
set.seed(18)
n <- 14                                         # subjects with a dose that changes, ties, strata, late entry, gaps between rows
rows <- do.call(rbind, lapply(seq_len(n), function(i) {
  first <- sample(0:2, 1); cuts <- first + cumsum(sample(1:4, sample(1:3, 1), TRUE)); from <- c(first, head(cuts, -1))
  data.frame(entry = from, time = cuts, event = c(rep(0, length(cuts) - 1), rbinom(1, 1, .8)), arm = i %% 2,
             dose = sample(c(0, .5, 1, 2), length(cuts), TRUE), strata = 1 + (i > 7), subject = i)
}))
add("dose", "a covariate that changes up to twice, ties, late entry, strata; robust by subject", rows, c("arm", "dose"),
    list(list(arm = 0, dose = 1), list(arm = 1, dose = .5)))
set.seed(19)
rows <- rows[sample(nrow(rows)), ]              # the same in another order: residuals follow the rows
add("dose_shuffled", "the rows of `dose` in another order", rows, c("arm", "dose"), list(), what = c("residuals", "zph"), ties = "efron")
add("no_event_in_arm1", "no event in arm 1: the estimate is minus infinity, the upper profile limit and Firth's estimate are finite",
    list(time = c(1,2,3,4,5,6, 1.5,2.5,3.5,7,8,9), event = c(1,1,0,1,1,0, 0,0,0,0,0,0), arm = rep(0:1, each = 6)), "arm", list(),
    what = c("profile", "firth"))
set.seed(20)
add("separated_with_covariate", "no event in arm 0, a second covariate, ties: the arm's estimate is infinite",
    list(time = sample(8, 24, TRUE), event = rbinom(24, 1, .8) * rep(0:1, 12), arm = rep(0:1, 12), x1 = round(rnorm(24), 2)), c("arm", "x1"), list(),
    what = c("profile", "firth"))
add("one_event", "one event among eight", list(time = 1:8, event = c(0,0,1,0,0,0,0,0), arm = c(0,1,1,0,0,1,0,1)), "arm", list(),
    what = "firth")

out <- file.path(HERE, "cox_more.json")
writeLines(c("[", paste0(vapply(cases, json, ""), c(rep(",", length(cases) - 1), "")), "]"), out)
cat("\n", length(cases), "cases,", R.version.string, ", survival", as.character(packageVersion("survival")), "\n")
