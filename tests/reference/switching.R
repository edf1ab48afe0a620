# Naive analyses of treatment switching, and structural models with switching in both arms, from survdiff and coxph.
# Run from the repository root:  Rscript tests/reference/switching.R
# Writes switching.json beside this script.  Needs R with survival.
suppressPackageStartupMessages(library(survival))

# ---- JSON: 17 significant digits; missing is null ----
json <- function(x) {
  if (is.list(x)) {
    inside <- vapply(x, json, "")
    if (is.null(names(x))) return(paste0("[", paste(inside, collapse = ", "), "]"))
    return(paste0("{", paste(paste0("\"", names(x), "\": ", inside), collapse = ", "), "}"))
  }
  each <- if (is.character(x)) sprintf("\"%s\"", x) else if (is.logical(x)) ifelse(x, "true", "false")
  else ifelse(is.na(x), "null", sprintf("%.17g", x))
  if (length(x) == 1 && !inherits(x, "AsIs")) each else paste0("[", paste(each, collapse = ", "), "]")
}
tight <- coxph.control(eps = 1e-13, toler.chol = 1e-15, iter.max = 60)

read <- function(name) {
  d <- read.csv(paste0("tests/reference/data/", name, ".csv"))
  d$switch <- ifelse(d$sw == 1, d$sw_time, Inf)
  d
}

# ---- naive: log-rank z is above 0 where arm 1 does better ----
naive <- function(d, strata, covariates) {
  terms <- function(arm, more) reformulate(c(arm, more, if (strata) "strata(region)"), response = "Surv(time, event)")
  fit <- function(d) {
    p <- survdiff(if (strata) Surv(time, event) ~ arm + strata(region) else Surv(time, event) ~ arm, data = d)
    m <- coxph(terms("arm", covariates), data = d, control = tight)
    list(coef = unname(coef(m)[1]), se = sqrt(vcov(m)[1, 1]), p = pchisq(p$chisq, 1, lower.tail = FALSE),
         n = nrow(d), events = sum(d$event))
  }
  at <- pmin(d$time, d$switch)
  censored <- transform(d, event = ifelse(switch < time, 0, event), time = at)
  long <- do.call(rbind, lapply(seq_len(nrow(d)), function(i) {
    r <- d[i, ]
    if (r$switch >= r$time) return(cbind(r, start = 0, stop = r$time, died = r$event, on = r$arm))
    cbind(rbind(r, r), start = c(0, r$switch), stop = c(r$switch, r$time), died = c(0, r$event), on = c(r$arm, 1 - r$arm))
  }))
  f <- reformulate(c("on", covariates, if (strata) "strata(region)"), response = "Surv(start, stop, died)")
  m <- coxph(f, data = long, control = tight)
  list("as observed" = fit(d), "censored at switch" = fit(censored),
       "switchers excluded" = fit(d[!is.finite(d$switch), ]),
       "treatment received" = list(coef = unname(coef(m)[1]), se = sqrt(vcov(m)[1, 1]),
                                   p = unname(2 * pnorm(-abs(coef(m)[1] / sqrt(vcov(m)[1, 1])))), n = nrow(d),
                                   events = sum(d$event)))
}

# ---- structural model: arms with switching are recensored, or all, or none ----
structural <- function(d, psi, recensor, covariates = NULL, strata = FALSE) {
  on <- ifelse(d$arm == 1, pmin(d$switch, d$time), d$time - pmin(d$switch, d$time))
  arms <- switch(recensor, switching = unique(d$arm[is.finite(d$switch)]), all = 0:1, none = NULL)
  cut <- function(d, u, k) {
    end <- ifelse(d$arm %in% arms, d$censor_time * pmin(1, k), Inf)
    d$event <- ifelse(u > end, 0, d$event)
    d$time <- pmin(u, end)
    d
  }
  free <- cut(d, d$time - on + exp(psi) * on, exp(psi))
  pure <- cut(d, ifelse(d$arm == 0, d$time - on + exp(psi) * on, on + exp(-psi) * (d$time - on)),
              ifelse(d$arm == 0, exp(psi), exp(-psi)))
  s <- survdiff(if (strata) Surv(time, event) ~ arm + strata(region) else Surv(time, event) ~ arm, data = free)
  o <- if (strata) rowSums(s$obs) else s$obs
  e <- if (strata) rowSums(s$exp) else s$exp
  f <- reformulate(c("arm", covariates, if (strata) "strata(region)"), response = "Surv(time, event)")
  test <- coxph(f, data = free, control = tight)
  m <- coxph(f, data = pure, control = tight)
  list(psi = psi, recensor = recensor, z = unname((e - o)[2] / sqrt(s$var[2, 2])),
       wald = unname(-coef(test)[1] / sqrt(vcov(test)[1, 1])), coef = unname(coef(m)[1]), se = sqrt(vcov(m)[1, 1]),
       untreated = sum(free$time), untreated_events = sum(free$event), unswitched = sum(pure$time),
       unswitched_events = sum(pure$event))
}

both_ways <- function(n, seed) {  # switching after an exponential time, in both arms
  set.seed(seed)
  arm <- rep(0:1, length.out = n)
  death <- rexp(n, ifelse(arm == 1, 1 / 500, 1 / 350))
  end <- round(runif(n, 400, 900), 2)
  go <- rexp(n, ifelse(arm == 1, 1 / 900, 1 / 300))
  time <- round(pmin(death, end), 2)
  go <- ifelse(go < 0.9 * time & go > 1, round(go, 2), Inf)
  data.frame(arm = arm, time = time, event = as.numeric(death <= end), censor_time = end, switch = go,
             region = rep(1:3, each = 2, length.out = n), age = round(rnorm(n, 60, 9), 1))
}

b <- read("switch_subjects_b")
d2 <- both_ways(160, 20261128)
grid <- c(-1.5, -0.7, -0.25, 0, 0.3, 1)
out <- list(
  naive = list(
    list(data = "switch_subjects_b", strata = TRUE, covariates = I(c("age", "bprog")), outputs = naive(b, TRUE, c("age", "bprog"))),
    list(data = "switch_subjects_b", strata = FALSE, covariates = I(character()), outputs = naive(b, FALSE, NULL)),
    list(data = "immdef", strata = FALSE, covariates = I(character()), outputs = naive(read("immdef"), FALSE, NULL))
  ),
  both_ways = lapply(d2, function(x) ifelse(is.infinite(x), NA, as.numeric(x))),
  structural = unlist(lapply(c("switching", "all", "none"), function(how) lapply(grid, function(p) list(
    one_way = structural(b, p, how, c("age", "bprog"), TRUE), both_ways = structural(d2, p, how, "age"),
    both_ways_strata = structural(d2, p, how, NULL, TRUE)))), recursive = FALSE)
)
writeLines(json(out), "tests/reference/switching.json")
