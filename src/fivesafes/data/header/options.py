"""The options of PS3.15 Annex E and the codes that tell of them in a result (PS3.16 CID 7050)."""

from typing import Final

BASIC: Final = "113100"
CLEAN_PIXELS: Final = "113101"
CLEAN_FEATURES: Final = "113102"
CLEAN_GRAPHICS: Final = "113103"
FULL_DATES: Final = "113106"
MODIFIED_DATES: Final = "113107"
UIDS: Final = "113110"
SAFE_PRIVATE: Final = "113111"

MEANINGS: Final = {
    BASIC: "Basic Application Confidentiality Profile",
    CLEAN_PIXELS: "Clean Pixel Data Option",
    CLEAN_FEATURES: "Clean Recognizable Visual Features Option",
    CLEAN_GRAPHICS: "Clean Graphics Option",
    "113104": "Clean Structured Content Option",
    "113105": "Clean Descriptors Option",
    FULL_DATES: "Retain Longitudinal Temporal Information Full Dates Option",
    MODIFIED_DATES: "Retain Longitudinal Temporal Information Modified Dates Option",
    "113108": "Retain Patient Characteristics Option",
    "113109": "Retain Device Identity Option",
    UIDS: "Retain UIDs Option",
    SAFE_PRIVATE: "Retain Safe Private Option",
    "113112": "Retain Institution Identity Option",
}

NAMES: Final = {
    CLEAN_PIXELS: "clean-pixel-data",
    CLEAN_FEATURES: "clean-recognizable-visual-features",
    CLEAN_GRAPHICS: "clean-graphics",
    "113104": "clean-structured-content",
    "113105": "clean-descriptors",
    FULL_DATES: "retain-full-dates",
    MODIFIED_DATES: "retain-modified-dates",
    "113108": "retain-patient-characteristics",
    "113109": "retain-device-identity",
    UIDS: "retain-uids",
    SAFE_PRIVATE: "retain-safe-private",
    "113112": "retain-institution-identity",
}
"""What a person may type in place of a code."""

OF_PIXELS: Final = frozenset({CLEAN_PIXELS, CLEAN_FEATURES})
"""Nothing that is done to a header fulfils these: the step that cleaned the pixels tells of them."""

OF_HEADERS: Final = tuple(sorted(NAMES.keys() - OF_PIXELS))
"""The options that a profile can have."""

CODES: Final = {name: code for code, name in NAMES.items()} | {code: code for code in NAMES}
"""Code by what a person typed: the code itself or its name."""
