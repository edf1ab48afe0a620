# Kaplan-Meier of rows whose weights change within a subject, variance robust by subject: survfit of survival.
# Rscript switching_curve.R writes switching_curve.json: rows, and the curve at every time.
suppressMessages({ library(survival); library(jsonlite) })
set.seed(8)
rows <- do.call(rbind, lapply(1:60, function(id) {
  end <- sample(1:39, 1)
  start <- c(0, 7, 14, 21, 28)
  start <- start[start < end]
  stop <- c(start[-1], end)
  event <- c(rep(0, length(start) - 1), rbinom(1, 1, 0.6))
  data.frame(id = id, start = start, stop = stop, event = event, weight = exp(rnorm(length(start), 0, 0.5)))
}))
out <- list(version = as.character(packageVersion("survival")), rows = as.list(rows))
for (kind in c("plain", "log", "log-log")) {
  fit <- survfit(Surv(start, stop, event) ~ 1, data = rows, weights = weight, id = id, robust = TRUE, conf.type = kind)
  out[[kind]] <- list(time = fit$time, survival = fit$surv, std_error = fit$std.err, lower = fit$lower,
                      upper = fit$upper)
}
stopifnot(!fit$logse)  # std.err is of the survival itself
write(toJSON(out, digits = I(17), auto_unbox = TRUE, na = "null"), "switching_curve.json")
