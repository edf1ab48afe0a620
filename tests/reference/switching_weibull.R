# Wald's z of the arm in Weibull models of the times without treatment at given psi: survreg of survival.
# Rscript switching_weibull.R writes switching_weibull.json; the data are those of the other programs of this folder.
suppressMessages({ library(survival); library(jsonlite) })
d <- read.csv("data/immdef.csv")
d$entry <- 3 - d$censor_time
# Control takes the treatment from the switch on; experimental always.
on <- ifelse(d$arm == 1, d$time, ifelse(d$sw == 1, d$time - d$sw_time, 0))
at <- c(-0.5, -0.181, 0, 0.3)
z <- sapply(at, function(psi) {
  u <- d$time - on + exp(psi) * on
  last <- ifelse(d$arm == 0, pmin(d$censor_time, exp(psi) * d$censor_time), Inf)
  died <- d$event == 1 & u <= last
  fit <- survreg(Surv(pmin(u, last), died) ~ arm + entry, data = d, dist = "weibull",
                 control = survreg.control(rel.tolerance = 1e-13, maxiter = 100))
  unname(coef(fit)["arm"] / sqrt(vcov(fit)["arm", "arm"]))
})
write(toJSON(list(version = as.character(packageVersion("survival")), psi = at, z = z), digits = I(17),
             auto_unbox = TRUE), "switching_weibull.json")
