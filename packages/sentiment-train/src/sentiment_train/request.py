"""What a training is asked to do."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from sentiment_core.params import Params


class TrainingRequest(BaseModel):
    """The flow's parameters as one record, for those who pass them on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    params: Params
    data_path: Path | None = None
    """A file that is taken as it is; none takes that of the parameters."""
    register_model: bool = True
    promote: bool = False
    mark_challenger: bool = False
    curves_folder: Path | None = None

    def flow_parameters(self) -> dict[str, Any]:
        """Render the request as JSON values by the names of the flow's parameters."""
        return self.model_dump(mode="json")
