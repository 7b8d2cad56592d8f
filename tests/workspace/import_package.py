"""Imports every module of an installed package that its plain installation can carry.

Runs on its own in an environment without the workspace: ``python -I import_package.py NAME``.
"""

import importlib
import pkgutil
import sys

# What only an extra installs. sentiment_core needs numpy alone for scoring.
NEEDS_EXTRA = {
    "sentiment_core": {
        "calibration", "classifier", "conversion", "environment", "params", "pipeline", "pyfunc",
        "semi_supervised", "store_settings",
    },
    "sentiment_train": {"model.tuning"},
    "sentiment_cli": {
        "backup.databases", "sql_errors", "stack.backup", "stack.database", "stack.postgres",
    },
}  # fmt: skip

name = sys.argv[1]
package = importlib.import_module(name)
skipped = {f"{name}.{module}" for module in NEEDS_EXTRA.get(name, ())}
imported = 0
for module in pkgutil.walk_packages(package.__path__, f"{name}."):
    if module.name not in skipped and not module.name.endswith(".__main__"):
        importlib.import_module(module.name)
        imported += 1
print(f"{name}: imported {imported} modules")
