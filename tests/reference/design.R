# Reference values of group sequential bounds.
# Run from the repository root:  Rscript tests/reference/design.R
# Writes design.json beside this script.  Needs R with the package rpact (3.3.4 made the stored values).
suppressPackageStartupMessages(library(rpact))

here <- sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE))
HERE <- if (length(here)) dirname(here) else "tests/reference"
numbers <- function(v) paste0("[", paste(ifelse(is.na(v), "null", sprintf("%.17g", v)), collapse = ", "), "]")

case <- function(id, ...) {
  call <- paste0("getDesignGroupSequential(", paste(deparse(substitute(c(...)), width.cutoff = 500), collapse = " "), ")")
  d <- getDesignGroupSequential(...)
  more <- getDesignCharacteristics(d)
  field <- list(efficacy = d$criticalValues, futility = d$futilityBounds, alpha_spent = d$alphaSpent,
                beta_spent = d$betaSpent, inflation = more$inflationFactor, expected_h1 = more$averageSampleNumber1,
                expected_h01 = more$averageSampleNumber01, expected_h0 = more$averageSampleNumber0)
  field <- field[!vapply(field, is.null, TRUE)]
  body <- paste(paste0("\"", names(field), "\": ", vapply(field, numbers, "")), collapse = ",\n   ")
  paste0("{\"id\": \"", id, "\",\n  \"call\": \"", gsub("\"", "\\\\\"", sub("c\\((.*)\\)\\)$", "\\1)", call)), "\",\n  \"outputs\": {", body, "}}")
}

cases <- c(
  case("pt.binding", kMax = 3, alpha = 0.025, beta = 0.1, sided = 1, typeOfDesign = "PT", deltaPT1 = 0, deltaPT0 = 0, bindingFutility = TRUE),
  case("pt.free", kMax = 3, alpha = 0.025, beta = 0.1, sided = 1, typeOfDesign = "PT", deltaPT1 = 0, deltaPT0 = 0, bindingFutility = FALSE),
  case("pt.four", kMax = 4, alpha = 0.025, beta = 0.2, sided = 1, typeOfDesign = "PT", deltaPT1 = 0.1, deltaPT0 = 0.3, bindingFutility = TRUE),
  case("pt.two.binding", kMax = 3, alpha = 0.05, beta = 0.1, sided = 2, typeOfDesign = "PT", deltaPT1 = 0, deltaPT0 = 0, bindingFutility = TRUE),
  case("pt.two.free", kMax = 3, alpha = 0.05, beta = 0.1, sided = 2, typeOfDesign = "PT", deltaPT1 = 0, deltaPT0 = 0, bindingFutility = FALSE),
  case("hp.one", kMax = 3, alpha = 0.025, beta = 0.1, sided = 1, typeOfDesign = "HP", constantBoundsHP = 3),
  case("hp.two", kMax = 5, alpha = 0.05, beta = 0.1, sided = 2, typeOfDesign = "HP", constantBoundsHP = 3),
  case("of.two", kMax = 5, alpha = 0.05, beta = 0.1, sided = 2, typeOfDesign = "OF"),
  case("p.five", kMax = 5, alpha = 0.05, beta = 0.2, sided = 1, typeOfDesign = "P", informationRates = c(0.1, 0.3, 0.35, 0.8, 1)),
  case("asp.two", kMax = 5, alpha = 0.05, beta = 0.1, sided = 2, typeOfDesign = "asP"),
  case("asof.two", kMax = 5, alpha = 0.05, beta = 0.2, sided = 2, typeOfDesign = "asOF", informationRates = c(0.2, 0.5, 0.6, 0.9, 1)),
  case("askd", kMax = 4, alpha = 0.01, beta = 0.2, sided = 1, typeOfDesign = "asKD", gammaA = 1.5, informationRates = c(0.25, 0.6, 0.95, 1)),
  case("user", kMax = 4, alpha = 0.025, beta = 0.15, sided = 1, typeOfDesign = "asUser", userAlphaSpending = c(0.001, 0.004, 0.012, 0.025), informationRates = c(0.3, 0.5, 0.8, 1)),
  case("of.of.binding", kMax = 3, alpha = 0.025, beta = 0.1, sided = 1, typeOfDesign = "asOF", typeBetaSpending = "bsOF", bindingFutility = TRUE),
  case("p.p.binding", kMax = 4, alpha = 0.025, beta = 0.1, sided = 1, typeOfDesign = "asP", typeBetaSpending = "bsP", bindingFutility = TRUE, informationRates = c(0.3, 0.5, 0.8, 1)),
  case("of.of.free", kMax = 5, alpha = 0.025, beta = 0.1, sided = 1, typeOfDesign = "asOF", typeBetaSpending = "bsOF", bindingFutility = FALSE),
  case("hsd.kd.free", kMax = 4, alpha = 0.05, beta = 0.15, sided = 1, typeOfDesign = "asHSD", gammaA = 1, typeBetaSpending = "bsKD", gammaB = 1.5, bindingFutility = FALSE, informationRates = c(0.2, 0.4, 0.9, 1))
)
writeLines(paste0("[\n", paste(cases, collapse = ",\n"), "\n]"), file.path(HERE, "design.json"))
