"""An image registry, asked over its HTTP API: which digest has a tag?

The API is https://github.com/opencontainers/distribution-spec/blob/main/spec.md. GHCR gives a token
for reading to everybody where an image is public, else to whoever has ``GITHUB_TOKEN``.
"""

import base64
import json
import os
from dataclasses import dataclass
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from tools.workspace import ReleaseError

_MANIFESTS: Final = ", ".join((
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
))  # fmt: skip
_TIMEOUT_SECONDS: Final = 30
_NOT_FOUND: Final = 404


@dataclass(frozen=True)
class ImageRegistry:
    """A registry.

    Parameters
    ----------
    host : str
        For example ``ghcr.io``; one of this machine is asked without TLS.
    """

    host: str

    def digest(self, name: str, tag: str) -> str | None:
        """Return the digest of an image, or None if the registry does not have it.

        Raises
        ------
        ReleaseError
            If the registry does not answer, or refuses.
        """
        headers = {"Accept": _MANIFESTS, **self._authorization(name)}
        request = Request(f"{self._url}/v2/{name}/manifests/{tag}", headers=headers, method="HEAD")
        try:
            with urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
                return str(answer.headers["Docker-Content-Digest"])
        except HTTPError as error:
            if error.code == _NOT_FOUND:
                return None
            raise ReleaseError(f"{self.host} answers {error.code} for {name}:{tag}.") from error
        except URLError as error:
            raise ReleaseError(f"{self.host} does not answer ({error.reason}).") from error

    @property
    def _url(self) -> str:
        local = self.host.partition(":")[0] in {"localhost", "127.0.0.1"}
        return f"{'http' if local else 'https'}://{self.host}"

    def _authorization(self, name: str) -> dict[str, str]:
        if self.host != "ghcr.io":
            return {}
        query = urlencode({"service": "ghcr.io", "scope": f"repository:{name}:pull"})
        request = Request(f"https://ghcr.io/token?{query}")
        if token := os.environ.get("GITHUB_TOKEN"):
            login = base64.b64encode(f"github:{token}".encode()).decode()
            request.add_header("Authorization", f"Basic {login}")
        try:
            with urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
                return {"Authorization": f"Bearer {json.load(answer)['token']}"}
        except (URLError, KeyError, ValueError) as error:
            raise ReleaseError(f"ghcr.io gives no token for {name} ({error}).") from error
