"""Who may do what: the administrator's token, and the signature of MLflow's webhook."""

import base64
import hashlib
import hmac
import ipaddress
import time
from collections import OrderedDict
from typing import Final

from sentiment_core.errors import ConflictError, DeniedError, NotFoundError
from sentiment_serve.settings import ServeSettings

_MAX_WEBHOOK_AGE_SECONDS: Final = 300
_REMEMBERED_DELIVERIES: Final = 1000


class TokenMissingError(DeniedError):
    """No token was sent where one is needed."""

    code = "token-missing"


class SignatureError(DeniedError):
    """What was sent is not signed as the other side signs it now."""

    code = "bad-signature"


def check_admin(
    settings: ServeSettings, token: str | None, client: str | None, *, proxied: bool
) -> None:
    """Let only an administrator pass; where no token is set, only this machine itself.

    ``ADMIN_OPEN`` says that only this machine reaches the port, whatever address it comes from.

    Raises
    ------
    TokenMissingError
        If a token is needed and was not sent.
    DeniedError
        If it is wrong, or if another machine asks where none is set.
    """
    if settings.admin_token is None:
        # A proxy on this machine speaks for others.
        if proxied or not (settings.admin_open or _is_loopback(client)):
            raise DeniedError("Without ADMIN_TOKEN this answers only to the machine itself.")
        return
    if token is None:
        raise TokenMissingError("This needs the admin token.")
    expected = settings.admin_token.get_secret_value()
    if not hmac.compare_digest(token.encode(), expected.encode()):
        raise DeniedError("The admin token is wrong.")


def _is_loopback(client: str | None) -> bool:
    try:
        return client is not None and ipaddress.ip_address(client).is_loopback
    except ValueError:
        return False


class WebhookVerifier:
    """Checks MLflow's deliveries: signed with the shared secret, fresh, and each only once."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, None] = OrderedDict()

    def check(
        self, settings: ServeSettings, body: bytes, *, delivery: str, timestamp: str, signature: str
    ) -> None:
        """Check a delivery: MLflow signs ``delivery.timestamp.body``.

        Raises
        ------
        NotFoundError
            If no secret is set, so that there is no webhook.
        SignatureError
            If the signature is wrong, or the delivery too old.
        ConflictError
            If the delivery was received before.
        """
        if settings.webhook_secret is None:
            raise NotFoundError("No WEBHOOK_SECRET is set.")
        signed = f"{delivery}.{timestamp}.".encode() + body
        secret = settings.webhook_secret.get_secret_value().encode()
        digest = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest())
        if not hmac.compare_digest(signature.encode(), b"v1," + digest):
            raise SignatureError("The signature is wrong.")
        fresh = timestamp.isdecimal() and (
            abs(time.time() - int(timestamp)) <= _MAX_WEBHOOK_AGE_SECONDS
        )
        if not fresh:
            raise SignatureError("The delivery is too old.")
        if delivery in self._seen:
            raise ConflictError("This delivery was received before.")
        self._seen[delivery] = None
        if len(self._seen) > _REMEMBERED_DELIVERIES:
            self._seen.popitem(last=False)
