"""What stands beside the name of a variable and of a data set in a SAS transport file, in at most 40 characters."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# Short enough to follow "SYNTHETIC (RECONSTRUCTED) " in the 40 characters that a label has.
DATASET_LABELS: Mapping[str, str] = MappingProxyType(
    {"adsl": "Subject-Level", "adtte": "Time-to-Event", "adae": "Adverse Events", "adex": "Exposure"}
)

# ADaM's labels for its own variables; below them those that are this package's.
_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "STUDYID": "Study Identifier",
        "USUBJID": "Unique Subject Identifier",
        "SUBJID": "Subject Identifier for the Study",
        "SITEID": "Study Site Identifier",
        "AGE": "Age",
        "AGEU": "Age Units",
        "AGEGR1": "Pooled Age Group 1",
        "SEX": "Sex",
        "RACE": "Race",
        "ETHNIC": "Ethnicity",
        "COUNTRY": "Country",
        "REGION1": "Geographic Region 1",
        "ARM": "Description of Planned Arm",
        "ARMCD": "Planned Arm Code",
        "ACTARM": "Description of Actual Arm",
        "ACTARMCD": "Actual Arm Code",
        "TRT01P": "Planned Treatment for Period 01",
        "TRT01PN": "Planned Treatment for Period 01 (N)",
        "TRT01A": "Actual Treatment for Period 01",
        "TRT01AN": "Actual Treatment for Period 01 (N)",
        "TRTP": "Planned Treatment",
        "TRTA": "Actual Treatment",
        "RANDDT": "Date of Randomization",
        "TRTSDT": "Date of First Exposure to Treatment",
        "TRTEDT": "Date of Last Exposure to Treatment",
        "TRTDURD": "Total Treatment Duration (Days)",
        "DTHDT": "Date of Death",
        "DTHFL": "Subject Death Flag",
        "LSTALVDT": "Date Last Known Alive",
        "DCUTDT": "Date of Data Cutoff",
        "ITTFL": "Intent-To-Treat Population Flag",
        "SAFFL": "Safety Population Flag",
        "FASFL": "Full Analysis Set Population Flag",
        "PPROTFL": "Per-Protocol Population Flag",
        "RANDFL": "Randomized Population Flag",
        "PARAM": "Parameter",
        "PARAMCD": "Parameter Code",
        "PARAMN": "Parameter (N)",
        "AVAL": "Analysis Value",
        "CNSR": "Censor",
        "EVNTDESC": "Event or Censoring Description",
        "CNSDTDSC": "Censor Date Description",
        "STARTDT": "Time-to-Event Origin Date for Subject",
        "ADT": "Analysis Date",
        "ADY": "Analysis Relative Day",
        "AETERM": "Reported Term for the Adverse Event",
        "AEDECOD": "Dictionary-Derived Term",
        "AEBODSYS": "Body System or Organ Class",
        "AESEV": "Severity/Intensity",
        "AESER": "Serious Event",
        "AEREL": "Causality",
        "AETOXGR": "Standard Toxicity Grade",
        "ASTDT": "Analysis Start Date",
        "AENDT": "Analysis End Date",
        "ASTDY": "Analysis Start Relative Day",
        "AENDY": "Analysis End Relative Day",
        "TRTEMFL": "Treatment Emergent Analysis Flag",
        "EXTRT": "Name of Treatment",
        "EXROUTE": "Route of Administration",
        "DOSEU": "Treatment Dose Units",
    }
    | {
        "WEIGHTBL": "Weight at Baseline",
        "NYHACLS": "NYHA Class",
        "XOFL": "Crossover Flag",
        "XODT": "Date of Crossover",
        "NDOSEP": "Number of Administrations Planned",
        "NDOSEG": "Number of Administrations Given",
        "CDOSEP": "Cumulative Dose Planned",
        "CDOSEG": "Cumulative Dose Given",
        "SYNTHFL": "Synthetic Data Flag",
        "SYNTYPE": "Type of Synthetic Data",
        "DUMMYFL": "Dummy Arm Labels Flag",
    }
)


def label_of(variable: str) -> str:
    """The label of a variable; of one that is not in the table, its name.

    >>> label_of("RANDDT"), label_of("HER2")
    ('Date of Randomization', 'HER2')
    """
    return _LABELS.get(variable, variable)
