
# create the environment with everything that tests and checks need
setup:
    python3 -m venv .venv && .venv/bin/pip install -e '.[test]'

# fast tier
test *args:
    .venv/bin/pytest {{args}}

# slow tier: calibration
calibrate:
    .venv/bin/pytest -m slow

# style, types, import contract
check:
    .venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy && .venv/bin/lint-imports

# the main job on the bundled trial
demo:
    .venv/bin/equipoise run tandem

# beside R survival and lifelines (needs Rscript)
bench:
    .venv/bin/python -m pip install -e '.[bench]' && .venv/bin/python benchmarks/survival_core.py
