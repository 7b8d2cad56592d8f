"""The folder that commands run in: the project's choices, and nothing else."""

import shutil
from pathlib import Path

from tests.support import ROOT

CHOICES = ("params.yaml", "behaviour.yaml")


def copy_choices(folder: Path) -> Path:
    """Copy the files that a training reads beside its data.

    Parameters
    ----------
    folder : Path
        It is there.

    Returns
    -------
    Path
        The same folder.
    """
    for name in CHOICES:
        shutil.copy(ROOT / name, folder)
    return folder
