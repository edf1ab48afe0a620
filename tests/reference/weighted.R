# Reference values for the weighted log-rank family, covariate-adjusted tests, means, milestones, average hazard
# ratios and follow-up.  Run from the repository root:  Rscript tests/reference/weighted.R
# Writes weighted.json beside this script.  Needs R with survival, survMisc, mvtnorm, prodlim and jsonlite.
suppressPackageStartupMessages({library(survival); library(survMisc); library(mvtnorm); library(prodlim)})

# ---- JSON: 17 significant digits, as in nasty.R ----
number <- function(v) {
  if (is.nan(v)) "\"NaN\"" else if (is.na(v)) "null"
  else if (is.infinite(v)) if (v > 0) "\"Inf\"" else "\"-Inf\""
  else sprintf("%.17g", v)
}
text <- function(s) paste0("\"", gsub("\n", " ", gsub("\"", "\\\\\"", gsub("\\\\", "\\\\\\\\", s))), "\"")
one <- function(x) structure(list(x), class = "one")       # a bare scalar
json <- function(x) {
  if (inherits(x, "one")) return(if (is.character(x[[1]])) text(x[[1]]) else number(x[[1]]))
  if (is.list(x)) {
    if (is.null(names(x))) return(paste0("[", paste(vapply(x, json, ""), collapse = ", "), "]"))
    return(paste0("{", paste(paste0(vapply(names(x), text, ""), ": ", vapply(x, json, "")), collapse = ", "), "}"))
  }
  if (is.matrix(x)) return(json(lapply(seq_len(nrow(x)), function(i) unname(x[i, ]))))
  if (is.character(x)) return(paste0("[", paste(vapply(x, text, ""), collapse = ", "), "]"))
  paste0("[", paste(vapply(as.numeric(x), number, ""), collapse = ", "), "]")
}

# ---- the data: columns time, event, arm and, where they are used, strata, entry, weight, x1, x2, ... ----
folder <- "tests/reference/data/"
sets <- list()
v <- read.csv(paste0(folder, "veteran.csv"))
sets$veteran <- data.frame(time = v$time, event = v$status, arm = v$test, celltype = as.integer(factor(v$celltype)),
                           karno = v$karno, age = v$age, prior = v$prior)
g <- read.csv(paste0(folder, "gbsg.csv"))
sets$gbsg <- data.frame(time = g$rfstime, event = g$status, arm = g$hormon, meno = g$meno, grade = g$grade,
                        age = g$age, nodes = g$nodes, size = g$size)
m <- read.csv(paste0(folder, "leukemia_6mp.csv"))
sets$leukemia <- data.frame(time = m$time, event = m$status, arm = m$mp6)
s <- read.csv(paste0(folder, "ties_small.csv"))
sets$ties_small <- data.frame(time = s$time, event = s$status, arm = s$arm, weight = s$w, stratum = s$s)
e <- read.csv(paste0(folder, "entry_small.csv"))
sets$entry_small <- data.frame(time = e$time, event = e$status, arm = e$arm, entry = e$entry)
l <- read.csv(paste0(folder, "lung.csv"))
sets$lung <- data.frame(time = l$time, event = l$status, sex = l$sex, age = l$age, ph.ecog = l$ph.ecog,
                        ph.karno = l$ph.karno, pat.karno = l$pat.karno, meal.cal = l$meal.cal, wt.loss = l$wt.loss)
# the randomized patients of the Mayo Clinic's trial in primary biliary cirrhosis (survival), years
p <- survival::pbc[1:312, ]
sets$pbc <- data.frame(time = p$time / 365.25, event = as.numeric(p$status == 2), arm = as.numeric(p$trt == 1),
                       age = p$age, bili = p$bili, albumin = p$albumin)
# the gastric cancer trial of the Gastrointestinal Tumor Study Group (Stablein, Carter & Novak 1981), as the
# documentation of coxphw has it
x <- read.csv(paste0(folder, "gastric.csv"))
sets$gastric <- data.frame(time = x$time, event = x$status, arm = x$radiation)
nasty <- jsonlite::fromJSON("tests/reference/nasty.json", simplifyVector = FALSE)
for (case in nasty) if (case$id %in% c("all_tied", "zero_times", "half_flat_inside", "censored_at_death", "last_time_dead",
    "strata_rho", "stratum_one_arm", "some_singleton_strata", "entry_at_death", "entry_gap", "entry_ties_strata",
    "heavy_ties_3_arms", "third_arm_empty_tail", "weights_whole_ties", "mixed_covariates", "one_per_arm", "even_n_06",
    "no_event_in_arm1", "large_censoring")) {
  sets[[case$id]] <- as.data.frame(lapply(case$data, unlist))
}
set.seed(61)
sets$tied_covariates <- data.frame(time = ceiling(rexp(40) * 8), event = rbinom(40, 1, .7), arm = rep(0:1, 20),
                                   strata = rep(1:2, each = 20), x1 = round(rnorm(40), 2), x2 = sample(0:2, 40, TRUE))
set.seed(62)
sets$strata_covariates <- data.frame(time = round(rexp(60) * rep(c(10, 20, 30), 20), 1) + .1, event = rbinom(60, 1, .75),
                                     arm = rbinom(60, 1, .5), strata = rep(1:3, 20), x1 = round(rnorm(60), 2),
                                     x2 = round(runif(60), 2))
set.seed(63)
sets$no_censoring <- data.frame(time = sample(12, 30, TRUE), event = 1, arm = rep(0:1, c(14, 16)))

cases <- list()
add <- function(kind, data, arguments, outputs, note = "") {
  cases[[length(cases) + 1]] <<- list(id = one(paste(kind, data, length(cases) + 1, sep = ".")), kind = one(kind),
                                      data = one(data), note = one(note), arguments = arguments, outputs = outputs)
}

# ---- pieces: every event time with its weight, observed minus expected and hypergeometric covariance ----
# coxph.detail at a coefficient of zero (Breslow) gives observed minus expected and d p (1 - p) by event time,
# survfit the pooled curve of each stratum.
prepare <- function(d, strata = NULL) {
  d$stratum <- if (is.null(strata)) 1 else as.integer(interaction(d[strata], drop = TRUE, lex.order = TRUE))
  if (!is.null(d$weight)) d <- d[rep(seq_len(nrow(d)), d$weight), ]
  d$y <- if (is.null(d$entry)) Surv(d$time, d$event) else Surv(d$entry, d$time, d$event)
  d
}
pieces <- function(d) {
  groups <- sort(unique(d$arm))[-1]
  x <- sapply(groups, function(a) as.numeric(d$arm == a))
  k <- length(groups)
  out <- list()
  for (h in sort(unique(d$stratum))) {
    i <- d$stratum == h
    if (sum(i) == 1 || !any(d$event[i] == 1)) next   # a stratum of one adds nothing
    f <- coxph(d$y[i] ~ x[i, , drop = FALSE], ties = "breslow", init = rep(0, k), control = coxph.control(iter.max = 0))
    det <- suppressWarnings(coxph.detail(f))
    curve <- survfit(d$y[i] ~ 1)
    before <- c(1, curve$surv)[match(det$time, curve$time)]
    after <- curve$surv[match(det$time, curve$time)]
    # where a column is constant among those at risk its contribution is 0, which coxph.detail may lose as NA
    score <- matrix(det$score, ncol = k)
    information <- array(det$imat, c(k, k, length(det$time)))
    out[[length(out) + 1]] <- list(time = det$time, y = det$nrisk, d = det$nevent, before = before, after = after,
                                   score = score, information = information)
  }
  out
}
weight_of <- function(w, piece) {
  y <- piece$y
  switch(w[[1]],
    "fleming-harrington" = piece$before^w[[2]] * (1 - piece$before)^w[[3]],
    "gehan" = y, "tarone-ware" = sqrt(y),
    "modest survival" = 1 / pmax(piece$before, w[[2]]),
    "modest delay" = 1 / pmax(piece$before, min(c(1, piece$after[piece$time <= w[[2]]]))))
}
covariances <- function(parts, weights) {
  k <- length(weights); total <- matrix(0, k, k); difference <- numeric(k)
  for (piece in parts) {
    w <- sapply(weights, weight_of, piece = piece)
    w <- matrix(w, ncol = k)
    shrink <- ifelse(piece$y > 1, (piece$y - piece$d) / (piece$y - 1), 0)
    total <- total + t(w) %*% (w * piece$information[1, 1, ] * shrink)
    difference <- difference + colSums(w * piece$score[, 1])
  }
  list(difference = difference, covariance = total)
}
FH <- function(a, b) list("fleming-harrington", a, b)
WEIGHTS <- list(FH(0, 0), FH(1, 0), FH(0, 1), FH(1, 1), FH(.5, 0), FH(.5, 2), list("gehan"), list("tarone-ware"),
                list("modest survival", .5), list("modest survival", .8))
spelled <- function(weights) lapply(weights, function(w) c(list(one(w[[1]])), lapply(w[-1], one)))

weighted <- function(name, strata = NULL, delays = NULL) {
  d <- prepare(sets[[name]], strata)
  parts <- pieces(d)
  k <- length(unique(d$arm)) - 1
  for (w in c(WEIGHTS, lapply(delays, function(t) list("modest delay", t)))) {
    difference <- numeric(k); variance <- matrix(0, k, k)
    for (piece in parts) {
      u <- weight_of(w, piece)
      shrink <- ifelse(piece$y > 1, (piece$y - piece$d) / (piece$y - 1), 0)
      difference <- difference + colSums(u * piece$score)
      for (t in seq_along(u)) variance <- variance + u[t]^2 * shrink[t] * piece$information[, , t]
    }
    out <- list(difference = difference, variance = variance)
    if (all(eigen(variance)$values > 1e-9 * max(1, diag(variance)))) out$chisq <- one(c(difference %*% solve(variance, difference)))
    if (is.null(strata) && is.null(d$entry) && w[[1]] %in% c("fleming-harrington", "gehan", "tarone-ware") && length(d$time) > 2) {
      # survMisc on its own.  With two groups its variance takes the deaths of one group for all deaths of the time,
      # so it is kept only where no time has deaths in both; with more groups it is right.
      powers <- if (w[[1]] == "fleming-harrington") w[-1] else list(1, 1)
      table <- tryCatch({                                   # it fails where there is only one event time
        z <- capture.output(comp(frame <- ten(Surv(time, event) ~ arm, data = d[c("time", "event", "arm")]), p = powers[[1]], q = powers[[2]]))
        as.data.frame(attr(frame, "lrt"))[c("fleming-harrington" = 6, "gehan" = 2, "tarone-ware" = 3)[[w[[1]]]], ]
      }, error = function(e) NULL)
      both <- k == 1 && length(intersect(d$time[d$arm == d$arm[1] & d$event == 1], d$time[d$arm != d$arm[1] & d$event == 1])) > 0
      if (k == 1 && !is.null(table)) out$survMisc_q <- one(table$Q)
      if (!both && !is.null(table)) out[[if (k == 1) "survMisc_variance" else "survMisc_chisq"]] <- one(if (k == 1) table$Var else table$chiSq)
    }
    if (is.null(d$entry) && w[[1]] == "fleming-harrington" && w[[3]] == 0) {
      f <- if (is.null(strata)) survdiff(y ~ arm, data = d, rho = w[[2]]) else survdiff(y ~ arm + strata(stratum), data = d, rho = w[[2]])
      total <- function(x) if (is.matrix(x)) rowSums(x) else x
      out$survdiff <- list(observed = unname(total(f$obs)), expected = unname(total(f$exp)), variance = unname(as.matrix(f$var)))
    }
    add("weighted_logrank", name, list(weight = spelled(list(w))[[1]], strata = if (is.null(strata)) character(0) else strata), out)
  }
}
weighted("veteran", NULL, c(0, 30, 90.5)); weighted("veteran", "celltype", c(30, 90.5))
weighted("gbsg", NULL, c(365, 730)); weighted("gbsg", c("meno", "grade"), 730)
weighted("leukemia", NULL, 6); weighted("ties_small"); weighted("entry_small", NULL, 4)
for (n in c("all_tied", "zero_times", "half_flat_inside", "censored_at_death", "last_time_dead", "weights_whole_ties",
            "one_per_arm", "even_n_06", "no_event_in_arm1", "large_censoring", "heavy_ties_3_arms", "third_arm_empty_tail"))
  weighted(n, NULL, 3)
for (n in c("strata_rho", "stratum_one_arm", "some_singleton_strata")) weighted(n, "strata", 3)
weighted("entry_ties_strata", "strata", 4); weighted("entry_ties_strata", NULL, 4); weighted("entry_at_death", NULL, 5)

# ---- several weights: covariance and MaxCombo's P ----
probability <- function(lower, upper, r) {
  k <- length(lower)
  if (k == 1) return(list(genz = one(pnorm(upper) - pnorm(lower))))
  set.seed(1)
  singular <- min(eigen(r)$values) <= 1e-8
  p <- pmvnorm(lower = lower, upper = upper, corr = r, algorithm = GenzBretz(maxpts = if (singular) 2e6 else 3e5, abseps = 1e-10, releps = 0))
  out <- list(genz = one(c(p)), genz_error = one(attr(p, "error")))
  if (!singular) {
    q <- tryCatch(pmvnorm(lower = lower, upper = upper, corr = r, algorithm = Miwa(steps = if (k < 6 || is.infinite(lower[1])) 4097 else 2048)),
                  error = function(e) NULL)
    if (!is.null(q)) out$miwa <- one(c(q))
    if (k <= 3 && all(is.infinite(lower))) out$tvpack <- one(c(pmvnorm(upper = upper, corr = r, algorithm = TVPACK(1e-14))))
  }
  out
}
combo <- function(name, weights, strata = NULL) {
  c2 <- covariances(pieces(prepare(sets[[name]], strata)), weights)
  sd <- sqrt(diag(c2$covariance)); z <- -c2$difference / sd
  r <- c2$covariance / sqrt(diag(c2$covariance) %o% diag(c2$covariance)); r[] <- pmin(pmax(r, -1), 1); diag(r) <- 1
  add("maxcombo", name, list(weights = spelled(weights), strata = if (is.null(strata)) character(0) else strata),
      list(difference = c2$difference, covariance = c2$covariance, z = z, correlation = r,
           below = probability(rep(-Inf, length(z)), rep(max(z), length(z)), r),
           inside = probability(-rep(max(abs(z)), length(z)), rep(max(abs(z)), length(z)), r)),
      "below = P(max Z <= max z), inside = P(max |Z| <= max |z|)")
}
FOUR <- list(FH(0, 0), FH(0, 1), FH(1, 0), FH(1, 1))
for (n in c("veteran", "gbsg", "leukemia", "zero_times", "censored_at_death", "large_censoring", "weights_whole_ties", "no_event_in_arm1"))
  combo(n, FOUR)
combo("veteran", FOUR, "celltype"); combo("gbsg", FOUR, c("meno", "grade")); combo("strata_rho", FOUR, "strata")
combo("entry_ties_strata", FOUR, "strata")
combo("gbsg", list(FH(0, 0), list("modest delay", 730), list("gehan"), list("tarone-ware"), FH(0, .5)))
combo("gbsg", list(FH(0, 0), list("modest survival", .5)))
combo("gbsg", list(FH(0, 0), FH(0, 0), FH(0, 1)))
combo("veteran", list(FH(0, 0), FH(0, .5), FH(.5, 0), FH(.5, .5), list("gehan"), list("modest delay", 90.5)))

# ---- rectangles ----
compound <- function(k, rho) { r <- matrix(rho, k, k); diag(r) <- 1; r }
loading <- function(k, rank, seed) { set.seed(seed); a <- matrix(rnorm(k * rank), k); a <- a / sqrt(rowSums(a^2)); r <- a %*% t(a); diag(r) <- 1; r }
rectangle <- function(lower, upper, r, note = "")
  add("rectangle", "none", list(lower = lower, upper = upper, correlation = r), probability(lower, upper, r), note)
for (k in 2:6) {
  up <- c(1.2, 0.4, 1.9, -0.3, 2.2, 0.8)[1:k]
  for (r in list(diag(k), compound(k, .5), compound(k, .95), loading(k, k + 2, 70 + k))) {
    rectangle(rep(-Inf, k), up, r)
    rectangle(-abs(up) - .5, abs(up) + .7, r)
  }
  rectangle(c(-Inf, rep(-1, k - 1)), c(rep(1.5, k - 1), Inf), compound(k, .3), "mixed infinite limits")
}
rectangle(c(-2, -1), c(1, 2), matrix(c(1, -.7, -.7, 1), 2), "negative correlation")
rectangle(rep(-Inf, 2), c(-3, -3), compound(2, .2), "small probability")
rectangle(c(4, 4), c(Inf, Inf), compound(2, .6), "upper tails")
rectangle(rep(-2.3, 3), rep(2.3, 3), compound(3, .999), "nearly singular")
rectangle(rep(-Inf, 3), rep(2.1, 3), compound(3, .9999), "nearly singular")
rectangle(rep(-2.3, 4), rep(2.3, 4), compound(4, .99), "nearly singular")
rectangle(rep(-1.8, 2), c(1.8, 2), compound(2, 1), "singular: equal variables")
rectangle(c(-1.8, -1), c(1.8, 2), compound(2, -1), "singular: opposite variables")
rectangle(rep(-1.2, 3), rep(1.2, 3), { a <- rbind(c(1, 0), c(0, 1), c(1, 1) / sqrt(2)); r <- a %*% t(a); diag(r) <- 1; r }, "singular, rank 2")
for (rank in 2:3) for (k in (rank + 1):5) {
  rectangle(rep(-2, k), rep(2, k), loading(k, rank, 80 + 10 * rank + k), paste("singular, rank", rank))
  rectangle(rep(-Inf, k), rep(1.5, k), loading(k, rank, 80 + 10 * rank + k), paste("singular, rank", rank))
}

# ---- covariate-adjusted log-rank test and marginal hazard ratio ----
# The derived outcomes of Ye, Shao and Yi are the score residuals of Cox's model with the arm alone (Breslow), with the
# sign turned in the control arm; the slopes are those of lm by arm, with the strata as intercepts.
adjusted <- function(name, x, arm = "arm", strata = NULL) {
  d <- sets[[name]]; d$arm <- d[[arm]]
  d <- d[complete.cases(d[c("time", "event", "arm", x, strata)]), ]
  d$stratum <- if (is.null(strata)) factor(1) else interaction(d[strata], drop = TRUE)
  n <- nrow(d); share <- mean(d$arm); X <- as.matrix(d[x])
  at <- function(theta) coxph(Surv(time, event) ~ arm + strata(stratum), data = d, ties = "breslow", init = theta,
                              control = coxph.control(iter.max = 0))
  score <- function(theta) sum(residuals(at(theta), "score")) / n
  information <- function(theta) { f <- at(theta); 1 / c(f$var) / n }
  centered <- X; for (h in levels(d$stratum)) { i <- d$stratum == h; centered[i, ] <- sweep(X[i, , drop = FALSE], 2, colMeans(X[i, , drop = FALSE])) }
  spread <- matrix(0, length(x), length(x))
  for (h in levels(d$stratum)) { i <- d$stratum == h; if (sum(i) > 1) spread <- spread + sum(i) / n * cov(X[i, , drop = FALSE]) }
  correction <- function(theta) {
    o <- ifelse(d$arm == 1, 1, -1) * residuals(at(theta), "score")
    slope <- lapply(0:1, function(a) {
      i <- d$arm == a
      f <- if (nlevels(droplevels(d$stratum[i])) > 1) lm(o[i] ~ d$stratum[i] + X[i, , drop = FALSE]) else lm(o[i] ~ X[i, , drop = FALSE])
      tail(unname(coef(f)), length(x))
    })
    both <- slope[[1]] + slope[[2]]
    list(slope0 = slope[[1]], slope1 = slope[[2]],
         score = sum(ifelse(d$arm == 1, centered %*% slope[[2]], -centered %*% slope[[1]])) / n,
         variance = share * (1 - share) * c(t(both) %*% spread %*% both))
  }
  f <- survdiff(Surv(time, event) ~ arm + strata(stratum), data = d)
  sigma <- f$var[2, 2] / n; null <- correction(0)
  root <- function(g) uniroot(g, c(-8, 8), tol = 1e-14)$root
  theta <- root(score); fixed <- correction(theta); adjusted_theta <- root(function(t) score(t) - fixed$score)
  i_adj <- information(adjusted_theta); i_un <- information(theta)
  add("adjusted", name, list(arm = one(arm), covariates = x, strata = if (is.null(strata)) character(0) else strata),
      list(n = one(n), u = one(score(0)), sigma2 = one(sigma), slope0 = null$slope0, slope1 = null$slope1,
           u_adjusted = one(score(0) - null$score), sigma2_adjusted = one(sigma - null$variance),
           theta = one(theta), se_theta = one(1 / sqrt(n * i_un)), theta_adjusted = one(adjusted_theta),
           se_adjusted = one(sqrt(i_adj - fixed$variance) / (sqrt(n) * i_adj)),
           se_adjusted_at_unadjusted = one(sqrt(i_un - fixed$variance) / (sqrt(n) * i_un))),
      "arm 1 against 0; u is the mean of observed minus expected; a stratum of one adds nothing to the spread")
}
sets$lung$male <- as.numeric(sets$lung$sex == 1); sets$lung$ecog <- as.numeric(sets$lung$ph.ecog == 1)
adjusted("veteran", c("karno", "age")); adjusted("veteran", c("karno", "age"), strata = "celltype")
adjusted("gbsg", c("age", "nodes", "size")); adjusted("gbsg", c("age", "nodes"), strata = c("meno", "grade"))
adjusted("lung", "age", "male"); adjusted("lung", "age", "male", "ph.ecog"); adjusted("lung", c("age", "meal.cal"), "male", c("ph.ecog"))
adjusted("lung", "age", "ecog", "sex"); adjusted("tied_covariates", c("x1", "x2")); adjusted("tied_covariates", "x1", strata = "strata")
adjusted("strata_covariates", c("x1", "x2"), strata = "strata"); adjusted("mixed_covariates", c("x1", "x2"))

# ---- restricted means and milestones by arm and stratum ----
arms <- function(name, at, strata = NULL) {
  d <- prepare(sets[[name]], strata)
  rows <- list()
  for (h in sort(unique(d$stratum))) for (a in 0:1) {
    i <- d$stratum == h & d$arm == a
    f <- survfit(d$y[i] ~ 1)
    t <- if (at < min(f$time)) c("rmean" = at, "se(rmean)" = 0) else summary(f, rmean = at)$table   # R refuses the first
    s <- summary(f, times = at, extend = TRUE)
    rows[[length(rows) + 1]] <- list(stratum = one(h), arm = one(a), n = one(sum(i)), stratum_n = one(sum(d$stratum == h)),
                                     mean = one(t[["rmean"]]), mean_se = one(t[["se(rmean)"]]),
                                     survival = one(s$surv), survival_se = one(s$std.err), last = one(max(d$time[i])))
  }
  add("arms", name, list(at = one(at), strata = if (is.null(strata)) character(0) else strata), list(rows = rows))
}
arms("veteran", 90); arms("veteran", 90, "celltype"); arms("gbsg", 1826); arms("gbsg", 730, c("meno", "grade"))
arms("leukemia", 20); arms("pbc", 10); arms("strata_rho", 6, "strata"); arms("strata_covariates", 12, "strata"); arms("censored_at_death", 5)
arms("zero_times", 3); arms("half_flat_inside", 6); arms("weights_whole_ties", 4); arms("entry_at_death", 7)

# ---- adjusted restricted mean: coefficients by lm and glm with the weights of inverse probability ----
# censoring ties: "together" = survfit(Surv(y, 1 - delta)) at y (as survRM2); "events first" = just before y, those dying
# at a time are no longer at risk of censoring there
censoring <- function(y, delta, first) {
  if (first) { gap <- min(diff(sort(unique(c(y, 0, 1))))) / 2; f <- survfit(Surv(y + ifelse(delta == 1, 0, gap), 1 - delta) ~ 1)
               sapply(y, function(t) min(1, f$surv[f$time < t])) }
  else { f <- survfit(Surv(y, 1 - delta) ~ 1); f$surv[match(y, f$time)] }
}
adjusted_mean <- function(name, tau, x, arm = "arm") {
  d <- sets[[name]]; d$arm <- d[[arm]]; d <- d[complete.cases(d[c("time", "event", "arm", x)]), ]
  y <- pmin(d$time, tau); delta <- as.numeric(d$event == 1 | d$time >= tau)
  for (first in c(FALSE, TRUE)) {
    G <- numeric(nrow(d)); for (a in 0:1) { i <- d$arm == a; G[i] <- censoring(y[i], delta[i], first) }
    w <- ifelse(delta == 1, delta / G, 0); X <- cbind(d$arm, as.matrix(d[x]))
    control <- glm.control(epsilon = 1e-15, maxit = 200)
    add("adjusted_mean", name, list(tau = one(tau), covariates = x, arm = one(arm), ties = one(if (first) "events first" else "together")),
        list(weights = w, difference = unname(coef(lm(y ~ X, weights = w))),
             ratio = unname(coef(glm(y ~ X, weights = w, family = quasipoisson, control = control))),
             lost_ratio = unname(coef(glm(tau - y ~ X, weights = w, family = quasipoisson, control = control)))))
  }
}
adjusted_mean("pbc", 10, c("age", "bili", "albumin")); adjusted_mean("veteran", 200, c("karno", "age")); adjusted_mean("gbsg", 1500, c("age", "nodes"))
adjusted_mean("tied_covariates", 8, c("x1", "x2")); adjusted_mean("lung", 500, "age", "male")

# ---- average hazard ratio: integrals of survfit's curves, standard error from survfit's influences ----
average <- function(name, tau) {
  d <- prepare(sets[[name]])
  half <- function(a) {
    i <- d$arm == a
    f <- survfit(d$y[i] ~ 1, influence = 1)
    list(time = f$time, s = f$surv, infl = f$influence.surv)
  }
  curve <- list(half(0), half(1))
  value <- function(c, t, before) { k <- sum(if (before) c$time < t else c$time <= t); if (k == 0) 1 else c$s[k] }
  slope <- function(c, t, before) { k <- sum(if (before) c$time < t else c$time <= t); if (k == 0) rep(0, nrow(c$infl)) else c$infl[, k] }
  p <- c(0, 0); infl <- list(list(0, 0), list(0, 0))   # p[j]: arm j - 1 fails first; infl[[j]][[k]]: by subjects of arm k - 1
  for (j in 1:2) for (t in sort(unique(d$time[d$arm == j - 1 & d$event == 1]))) if (t <= tau) {
    own <- curve[[j]]; other <- curve[[3 - j]]
    drop <- value(own, t, TRUE) - value(own, t, FALSE)
    middle <- (value(other, t, TRUE) + value(other, t, FALSE)) / 2
    p[j] <- p[j] + middle * drop
    infl[[j]][[j]] <- infl[[j]][[j]] + middle * (slope(own, t, TRUE) - slope(own, t, FALSE))
    infl[[j]][[3 - j]] <- infl[[j]][[3 - j]] + drop * (slope(other, t, TRUE) + slope(other, t, FALSE)) / 2
  }
  by_arm <- lapply(1:2, function(k) infl[[2]][[k]] / p[2] - infl[[1]][[k]] / p[1])
  add("average", name, list(tau = one(tau)), list(p0 = one(p[1]), p1 = one(p[2]), ratio = one(p[2] / p[1]),
      log_se = one(sqrt(sum(by_arm[[1]]^2) + sum(by_arm[[2]]^2)))), "p_a: arm a fails first before tau, ties count half")
}
average("veteran", 500); average("gbsg", 500); average("leukemia", 20); average("pbc", 10); average("gastric", 1000)
average("censored_at_death", 5); average("even_n_06", 4); average("tied_covariates", 10)
average("no_censoring", 12)
u <- with(sets$no_censoring, suppressWarnings(wilcox.test(time[arm == 0], time[arm == 1])$statistic))
cases[[length(cases)]]$outputs$wilcoxon_share <- one(unname(u) / 14 / 16)   # arm 1 fails first, ties half

# ---- weighted Cox regression: coxph on rows split at the event times ----
weighted_cox <- function(name, x, arm = "arm") {
  d <- sets[[name]]; d$arm <- d[[arm]]; d <- d[complete.cases(d[c("time", "event", "arm", x)]), ]; d$id <- seq_len(nrow(d))
  times <- sort(unique(d$time[d$event == 1]))
  s <- survfit(Surv(time, event) ~ 1, data = d)
  for (first in c(FALSE, TRUE)) {
    gap <- if (first) min(diff(sort(unique(c(d$time, 0, 1))))) / 2 else 0
    g <- survfit(Surv(time + ifelse(event == 1, 0, gap), 1 - event) ~ 1, data = d)
    raw <- sapply(times, function(t) min(1, s$surv[s$time < t]) / min(1, g$surv[g$time < t]))
    deaths <- sapply(times, function(t) sum(d$time == t & d$event == 1))
    raw <- raw * sum(deaths) / sum(raw * deaths)
    long <- survSplit(Surv(time, event) ~ ., data = d[c("time", "event", "arm", x, "id")], cut = times, zero = min(0, d$time) - 1)
    long$w <- ifelse(long$time %in% times, raw[match(long$time, times)], 1)
    f <- coxph(as.formula(paste("Surv(tstart, time, event) ~", paste(c("arm", x), collapse = "+"))), data = long, weights = w,
               cluster = id, ties = "breslow", control = coxph.control(eps = 1e-12, iter.max = 50, toler.chol = 1e-13))
    add("weighted_cox", name, list(covariates = x, arm = one(arm), ties = one(if (first) "events first" else "together")),
        list(time = times, weight = raw, coef = unname(coef(f)), var = unname(as.matrix(f$var)), naive = unname(as.matrix(f$naive.var))),
        "naive: inverse of the weighted information")
  }
}
weighted_cox("gastric", character(0)); weighted_cox("veteran", character(0)); weighted_cox("veteran", c("karno", "age"))
weighted_cox("gbsg", c("age", "nodes")); weighted_cox("leukemia", character(0)); weighted_cox("tied_covariates", c("x1", "x2"))
weighted_cox("lung", "age", "male"); weighted_cox("censored_at_death", character(0)); weighted_cox("zero_times", character(0))

# ---- follow-up: the reverse Kaplan-Meier curve, events first (prodlim) and merely reversed (survfit) ----
follow_up <- function(name, arm = 0) {
  d <- prepare(sets[[name]]); i <- d$arm == arm; d <- d[i, ]
  r <- if (is.null(d$entry)) Surv(d$time, 1 - d$event) else Surv(d$entry, d$time, 1 - d$event)
  f <- survfit(r ~ 1, conf.type = "log-log"); t <- summary(f)$table
  out <- list(reversed = list(time = f$time, n_risk = f$n.risk, n_event = f$n.event, survival = f$surv, std_err = f$surv * f$std.err,
                              lower = f$lower, upper = f$upper, median = one(t[["median"]]), median_lower = one(t[["0.95LCL"]]),
                              median_upper = one(t[["0.95UCL"]])))
  if (is.null(d$entry) && any(d$event == 0)) {            # prodlim refuses data without censoring
    p <- prodlim(Hist(time, event) ~ 1, data = d, reverse = TRUE)
    out$events_first <- list(time = p$time, n_risk = p$n.risk, n_event = p$n.event, n_lost = p$n.lost, survival = p$surv, std_err = p$se.surv)
  }
  add("follow_up", name, list(arm = one(arm)), out)
}
for (n in c("veteran", "gbsg", "leukemia", "pbc", "censored_at_death", "zero_times", "all_tied", "tied_covariates", "entry_at_death", "last_time_dead"))
  for (a in 0:1) follow_up(n, a)

here <- sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE))
out <- file.path(if (length(here)) dirname(here) else "tests/reference", "weighted.json")
columns <- lapply(sets, function(d) lapply(as.list(d), as.numeric))
writeLines(c("{", "\"data\": {", paste0(text_names <- vapply(names(columns), text, ""), ": ", vapply(columns, json, ""),
                                         c(rep(",", length(columns) - 1), "")), "},", "\"cases\": [",
             paste0(vapply(cases, json, ""), c(rep(",", length(cases) - 1), "")), "]", "}"), out)
cat(length(cases), "cases,", R.version.string, "; survival", as.character(packageVersion("survival")), "; mvtnorm",
    as.character(packageVersion("mvtnorm")), "; survMisc", as.character(packageVersion("survMisc")), "; prodlim",
    as.character(packageVersion("prodlim")), "\n")
