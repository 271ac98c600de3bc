"""The AppConfig Data API without botocore, for the case that nearly every Lambda function is.

Credentials from the environment or the container endpoint, no proxy, a Region whose endpoint is
known or an endpoint that is given: then the two calls need a signature and a connection, and no
more. Whatever else may be asked for, `plan` leaves to the complete client (client.py), which is
also the measure of this one: same requests, same results, same errors.

Source: AppConfig Data API reference; AWS REST-JSON 1.0 protocol (Smithy).
"""

import os
import time

from fastext import __version__
from fastext.answers import (
    ACCEPT,
    EXPIRED_CREDENTIALS,
    GET,
    START,
    error_of,
    initial_token,
    retrieved,
    service_error,
    usual_token,
)
from fastext.credentials import (
    ECS_ENDPOINT,
    TRUSTED_HOSTS,
    Container,
    Credentials,
    Fixed,
    of_environment,
)
from fastext.deadline import Deadline
from fastext.endpoints import configured, regional_host, split_url
from fastext.errors import AccessDenied, FastextError, Unavailable
from fastext.exchange import Answer, Origin
from fastext.settings import is_region
from fastext.signature import Signer, SigningClock, canonical_request, quote
from fastext.tls import Trust, ca_file_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    from fastext.document import Key
    from fastext.session import Retrieved
    from fastext.settings import Settings

    T = TypeVar("T")

# The service's signing name differs from its endpoint's (service-2.json, signingName).
SIGNING_NAME = "appconfig"

# Variables that lead to credentials, proxies or settings which only botocore knows how to use.
BEYOND = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN",
          "AWS_CREDENTIAL_EXPIRATION", "AWS_CREDENTIAL_FILE", "BOTO_CONFIG")  # fmt: skip

# Those of a proxy count in any case of letters (urllib.request.getproxies).
PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy"})


class Plan:
    """What the client needs to know: where to call, and who signs."""

    __slots__ = ("credentials", "endpoint", "region", "trust")

    def __init__(
        self,
        endpoint: "tuple[str, str, int, str]",
        region: str,
        credentials: "Fixed | Container",
        trust: Trust,
    ) -> None:
        self.endpoint = endpoint
        self.region = region
        self.credentials = credentials
        self.trust = trust


def plan(settings: "Settings", environ: "Mapping[str, str]") -> "Plan | None":
    """How to call the service directly, or None where only botocore will do."""
    if settings.data_client == "botocore" or settings.proxy_url or settings.role_arn:
        return None
    if any(environ.get(name) for name in BEYOND) or has_shared_configuration(environ):
        return None
    if any(value and name.lower() in PROXIES for name, value in environ.items()):
        return None
    region = (
        settings.service_region
        or environ.get("AWS_REGION")
        or environ.get("AWS_DEFAULT_REGION")
        or ""
    )
    endpoint = endpoint_of(settings, environ, region)
    trust = Trust(ca_file_of(environ))
    credentials = credentials_of(environ, trust)
    if endpoint is None or credentials is None or not is_region(region) or "fips" in region:
        return None  # fips-us-east-1 is a name for us-east-1 that botocore knows
    return Plan(endpoint, region, credentials, trust)


def has_shared_configuration(environ: "Mapping[str, str]") -> bool:
    """Whether there is a shared configuration or credentials file, which may say anything."""
    home = environ["HOME"] if "HOME" in environ else os.path.expanduser("~")
    for variable, usual in (
        ("AWS_CONFIG_FILE", "config"),
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
    ):
        path = environ.get(variable, "")
        # What has to be expanded, botocore may look for.
        if "~" in path or "$" in path or os.path.exists(path or f"{home}/.aws/{usual}"):
            return True
    # What botocore asks before a container's endpoint, as boto had it.
    return os.path.exists("/etc/boto.cfg") or os.path.exists(f"{home}/.boto")


def endpoint_of(
    settings: "Settings", environ: "Mapping[str, str]", region: str
) -> "tuple[str, str, int, str] | None":
    """Scheme, host, port and path to call, or None where botocore must find it or refuse."""
    fips, dual_stack = (
        environ.get(name, "").lower() == "true"
        for name in ("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT")
    )
    url = settings.service_endpoint or configured(environ)
    if url:
        # An endpoint together with one of the two is a mistake that botocore knows how to tell.
        found = None if fips or dual_stack else split_url(url)
        return (*found[:3], found[3].rstrip("/")) if found else None
    host = regional_host(region, fips=fips, dual_stack=dual_stack)
    return ("https", host, 443, "") if host else None


def credentials_of(environ: "Mapping[str, str]", trust: Trust) -> "Fixed | Container | None":
    """Where the credentials are, or None where only botocore can tell."""
    fixed = of_environment(environ)
    if fixed is not None:
        return Fixed(fixed)
    if environ.get("AWS_ACCESS_KEY_ID") or environ.get("AWS_SECRET_ACCESS_KEY"):
        return None
    relative = environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
    full = ECS_ENDPOINT + relative if relative else ""
    url = split_url(full or environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI", ""))
    if url is None or (url[0] == "http" and url[1] not in TRUSTED_HOSTS):
        return None
    token_file = environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
    token = environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")

    def authorization() -> str:
        value = token
        if token_file:
            try:
                with open(token_file, encoding="utf-8") as file:
                    value = file.read()
            except (OSError, ValueError) as fault:
                raise Unavailable(f"no AWS credentials: cannot read their token: {fault}") from None
        if not value.isascii() or not (value.isprintable() or not value):
            raise Unavailable("no AWS credentials: their token holds control characters")
        return value

    return Container(url, authorization, trust)


class DirectAppConfigData:
    """session.DataClient over one origin's connections. Threads may share it.

    `importing` is called before this thread imports anything (json, datetime): where the main
    thread is still importing it must wait, because CPython 3.13.0 fails when two do (gh-125245).
    """

    def __init__(
        self,
        plan: Plan,
        importing: "Callable[[], object]" = lambda: None,
        now: "Callable[[], float]" = time.time,
    ) -> None:
        scheme, host, port, self._path = plan.endpoint
        self._origin = Origin(scheme, host, port, plan.trust)
        self._credentials = plan.credentials
        self._signer = Signer(plan.region, SIGNING_NAME)
        self._importing = importing
        self._clock = SigningClock(now)

    def start_configuration_session(
        self, key: "Key", minimum_interval_s: int, deadline: Deadline
    ) -> str:
        # As botocore sends it, member for member.
        from _json import encode_basestring_ascii as text

        application, environment, profile = key
        content = (
            f'{{"ApplicationIdentifier": {text(application)}, '
            f'"EnvironmentIdentifier": {text(environment)}, '
            f'"ConfigurationProfileIdentifier": {text(profile)}, '
            f'"RequiredMinimumPollIntervalInSeconds": {minimum_interval_s}}}'
        ).encode()
        answer = self._call(START, "POST", "/configurationsessions", "", content, deadline)
        usual = usual_token(answer.content)
        if usual is not None:
            return usual
        self._importing()
        return self._read(initial_token, answer.content)

    def get_latest_configuration(self, token: str, deadline: Deadline) -> "Retrieved":
        quoted = quote(token)
        query = f"configuration_token={quoted}"
        answer = self._call(GET, "GET", "/configuration", query, b"", deadline, (token, quoted))
        return self._read(retrieved, answer.fields, answer.content)

    def _read(self, read: "Callable[..., T]", *parts: object) -> "T":
        """What an answer says. What says nothing may be the answer to something else, so that what
        comes over its connection is not believed any more.
        """
        try:
            return read(*parts)
        except Unavailable:
            self._origin.close()
            raise

    def close(self) -> None:
        """Drop the kept connections."""
        self._origin.close()

    def _call(
        self,
        operation: str,
        method: str,
        path: str,
        query: str,
        content: bytes,
        deadline: Deadline,
        secrets: "tuple[str, ...]" = (),
    ) -> Answer:
        """One call; a refusal that new credentials or the right time may cure is tried once more.

        Of an error the `secrets` that are sent are not told. Raises UpstreamError.
        """
        try:
            credentials = self._credentials.get(deadline)
            answer = self._send(credentials, method, path, query, content, deadline)
            if answer.status >= 300 and self._cured(answer):
                credentials = self._credentials.get(deadline)
                answer = self._send(credentials, method, path, query, content, deadline)
            if answer.status >= 300:
                self._importing()
                error = error_of(answer.status, answer.fields, answer.content)
                own = (credentials.token, credentials.access_key)
                raise service_error(operation, answer.status, *error, (*secrets, *own))
        except AccessDenied:
            self._credentials.refused()
            raise
        except FastextError as fault:
            if not fault.message.startswith(operation):
                fault.message = f"{operation}: {fault.message}"
            raise
        return answer

    def _send(
        self,
        credentials: Credentials,
        method: str,
        path: str,
        query: str,
        content: bytes,
        deadline: Deadline,
    ) -> Answer:
        path = self._path + path
        signed_at = self._clock.timestamp()
        fields = {"host": self._origin.authority, "x-amz-date": signed_at}
        if content:
            fields["content-type"] = "application/json"
        else:
            fields["accept"] = ACCEPT
        if credentials.token:
            fields["x-amz-security-token"] = credentials.token
        canonical, names = canonical_request(method, path, query, fields, content)
        authorization = self._signer.authorization(
            credentials.access_key, credentials.secret_key, canonical, signed_at, names
        )
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        if content:
            lines += f"content-length: {len(content)}\r\n"
        request = (
            f"{method} {path}{'?' if query else ''}{query} HTTP/1.1\r\n{lines}"
            f"user-agent: fastext/{__version__}\r\nauthorization: {authorization}\r\n\r\n"
        )
        return self._origin.send(request.encode("latin-1") + content, deadline)

    def _cured(self, answer: Answer) -> bool:
        """Whether what the service refuses has been put right: credentials or clock."""
        if answer.status not in (400, 401, 403):
            return False
        self._importing()
        code = error_of(answer.status, answer.fields, answer.content)[0]
        if code in EXPIRED_CREDENTIALS and self._credentials.renewable:
            self._credentials.refused()
            return True
        return self._clock.put_right(code, answer.fields.get("date", ""))
