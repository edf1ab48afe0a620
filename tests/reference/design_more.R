# Reference values of group sequential tests: futility bounds that are given, and the information actually observed.
# Run from the repository root:  Rscript tests/reference/design_more.R
# Writes design_more.json beside this script.  Needs R with the package rpact (3.3.4 made the stored values).
suppressPackageStartupMessages(library(rpact))

here <- sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE))
HERE <- if (length(here)) dirname(here) else "tests/reference"
numbers <- function(v) paste0("[", paste(ifelse(is.na(v), "null", sprintf("%.17g", v)), collapse = ", "), "]")
written <- function(id, field) {
  field <- field[!vapply(field, is.null, TRUE)]
  paste0("{\"id\": \"", id, "\", \"outputs\": {", paste(paste0("\"", names(field), "\": ", vapply(field, numbers, "")), collapse = ",\n   "), "}}")
}

# Bounds that are given on z: efficacy under futility that binds or does not, alpha spent, power at a drift.
given <- function(id, ..., drift = 3.3) {
  d <- getDesignGroupSequential(...)
  k <- d$kMax
  p <- getPowerAndAverageSampleNumber(d, theta = c(0, drift), nMax = 1)
  written(id, list(efficacy = d$criticalValues, futility = d$futilityBounds, alpha_spent = d$alphaSpent,
                   power = p$overallReject, expected = p$averageSampleNumber))
}

# Observed information by rpact's recipe: the first looks spend by the function at the shares of the planned
# information, the last look all that is left (asUser); information rates are those of what was seen in the end.
spend_of <- function(t, alpha, type, gamma = NA_real_) {
  getDesignGroupSequential(alpha = alpha, typeOfDesign = type, informationRates = unique(c(t, 1)),
                           gammaA = gamma)$alphaSpent[seq_along(t)]
}
seen <- function(id, information, planned, alpha, type, gamma = NA_real_, sided = 1) {
  m <- length(information)
  # two-sided alpha is split in halves: the spending function is of one side
  spent <- c(sided * spend_of(information[-m] / planned, alpha / sided, type, gamma), alpha)
  d <- getDesignGroupSequential(alpha = alpha, sided = sided, typeOfDesign = "asUser", userAlphaSpending = spent,
                                informationRates = information / information[m])
  written(id, list(efficacy = d$criticalValues, alpha_spent = d$alphaSpent))
}
of_at <- function(id, ...) seen(id, ..., type = "asOF")

# A test of two bounds that are kept and a last one that takes the rest, as of Pocock's at looks not planned.
cases <- c(
  given("z.asOF.binding", kMax = 3, informationRates = c(0.3, 0.6, 1), alpha = 0.025, sided = 1, typeOfDesign = "asOF", futilityBounds = c(0, 0.5), bindingFutility = TRUE),
  given("z.asOF.free", kMax = 3, informationRates = c(0.3, 0.6, 1), alpha = 0.025, sided = 1, typeOfDesign = "asOF", futilityBounds = c(0, 0.5), bindingFutility = FALSE),
  given("z.P.binding", kMax = 3, informationRates = c(0.3, 0.6, 1), alpha = 0.025, sided = 1, typeOfDesign = "P", futilityBounds = c(0, 0.5), bindingFutility = TRUE),
  given("z.OF.binding", kMax = 4, informationRates = c(0.25, 0.5, 0.75, 1), alpha = 0.05, sided = 1, typeOfDesign = "OF", futilityBounds = c(-1, 0.5, 1), bindingFutility = TRUE),
  given("z.WT.binding", kMax = 3, informationRates = c(0.3, 0.6, 1), alpha = 0.025, sided = 1, typeOfDesign = "WT", deltaWT = 0.3, futilityBounds = c(0.3, 0.9), bindingFutility = TRUE),
  given("z.asHSD.none", kMax = 3, informationRates = c(0.3, 0.6, 1), alpha = 0.025, sided = 1, typeOfDesign = "asHSD", gammaA = -2, futilityBounds = c(-6, 0.5), bindingFutility = TRUE),
  given("z.HP.binding", kMax = 3, informationRates = c(0.3, 0.6, 1), alpha = 0.025, sided = 1, typeOfDesign = "HP", constantBoundsHP = 3, futilityBounds = c(0, 0.5), bindingFutility = TRUE),
  of_at("seen.under", c(105, 190), 200, 0.025),
  of_at("seen.over", c(105, 150, 230), 200, 0.025),
  of_at("seen.added", c(55, 105, 160, 200), 200, 0.025),
  of_at("seen.far.under", c(60, 120), 200, 0.025),
  seen("seen.pocock", c(80, 170, 215), 200, 0.02, "asP"),
  seen("seen.hsd", c(80, 170, 215), 200, 0.025, "asHSD", gamma = -4),
  seen("seen.two", c(90, 130, 185), 200, 0.05, "asOF", sided = 2)
)
writeLines(paste0("[\n", paste(cases, collapse = ",\n"), "\n]"), file.path(HERE, "design_more.json"))
