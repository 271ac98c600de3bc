"""The AppConfig Data API through botocore: its only home.

botocore finds credentials, Region and endpoint as in every SDK, signs, and reads the answers;
`transport` carries them. Errors of botocore and of the service end here, as ours: by code and
members of the answer, never by text.

To build a client takes a hundred times as long as to use it, so it is built by the first call
that needs it, on that call's thread.
"""

import contextlib
import io
import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import (
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
    EnvProvider,
)
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError
from botocore.loaders import Loader
from botocore.parsers import ResponseParserError
from botocore.utils import get_environ_proxies

from fastext import __version__
from fastext.answers import ACCEPT, EXPIRED_CREDENTIALS, GET, START, service_error
from fastext.deadline import Deadline
from fastext.document import Key
from fastext.errors import (
    FastextError,
    InvalidUpstreamRequest,
    NotFound,
    Unavailable,
    UpstreamError,
)
from fastext.session import Retrieved
from fastext.settings import Role, Settings
from fastext.tls import Trust, ca_file_of
from fastext.transport import Transport

# What the real agent calls its sessions (user guide, sample value of ROLE_SESSION_NAME).
DEFAULT_ROLE_SESSION_NAME = "AWSAppConfigAgentSession"

T = TypeVar("T")


class AppConfigData:
    """session.DataClient over botocore, by `role` if there is one. Threads may share it."""

    def __init__(
        self, settings: Settings, environ: Mapping[str, str], role: Role | None = None
    ) -> None:
        self._settings = settings
        self._role = role or settings.role
        self._environ = environ
        self._lock = threading.Lock()
        self._client: Any = None
        # Whether its credentials can be others when they are looked for again.
        self._renewable = False
        self._local = threading.local()

    def start_configuration_session(
        self, key: Key, minimum_interval_s: int, deadline: Deadline
    ) -> str:
        application, environment, profile = key

        def start(client: Any) -> str:
            answer = client.start_configuration_session(
                ApplicationIdentifier=application,
                EnvironmentIdentifier=environment,
                ConfigurationProfileIdentifier=profile,
                RequiredMinimumPollIntervalInSeconds=minimum_interval_s,
            )
            return str(answer["InitialConfigurationToken"])

        return self._call(START, start, deadline)

    def get_latest_configuration(self, token: str, deadline: Deadline) -> Retrieved:
        def get(client: Any) -> Retrieved:
            answer = client.get_latest_configuration(ConfigurationToken=token)
            return Retrieved(
                content=answer["Configuration"].read(),
                content_type=answer.get("ContentType", ""),
                version_label=answer.get("VersionLabel", ""),
                next_token=answer["NextPollConfigurationToken"],
                next_interval_s=float(answer.get("NextPollIntervalInSeconds", 0)),
            )

        return self._call(GET, get, deadline)

    def _call(self, operation: str, call: Callable[[Any], T], deadline: Deadline) -> T:
        self._local.deadline = deadline
        try:
            with translated(operation):
                client = self._connected()
                try:
                    return call(client)
                except ClientError as fault:
                    if not self._renewable or code_of(fault) not in EXPIRED_CREDENTIALS:
                        raise
                    return call(self._connected(instead_of=client))
        except NoCredentialsError as fault:
            # They may appear later, and a client never looks for them again.
            self._client = None
            raise Unavailable(f"{operation}: no AWS credentials found") from fault
        finally:
            self._local.deadline = None

    def _connected(self, instead_of: Any = None) -> Any:
        """The client; a new one, which finds its credentials anew, if it is still `instead_of`."""
        with self._lock:
            if self._client is None or self._client is instead_of:
                self._client = self._new_client()
            return self._client

    # -- construction

    def _new_client(self) -> Any:
        settings, environ = self._settings, self._environ
        # What botocore has to say arrives as an exception; its warnings would be lines of no form.
        logging.getLogger("botocore").addHandler(logging.NullHandler())
        # botocore itself knows AWS_DEFAULT_REGION and the profile's Region only.
        own_region = environ.get("AWS_REGION")
        session = new_session(own_region)
        own_region = own_region or session.get_config_variable("region")
        region = settings.service_region or own_region
        if not region:
            raise NoRegionError
        transport = self._new_transport(session)
        if self._role:
            sts = self._create(session, "sts", own_region or region, transport)
            session = new_session(region)
            session.register_component(
                "credential_provider",
                CredentialResolver([_AssumedRole(sts, role_arguments(self._role))]),
            )
        client = self._create(session, "appconfigdata", region, transport)
        credentials = session.get_credentials()
        self._renewable = credentials is not None and credentials.method != EnvProvider.METHOD
        return client

    def _create(
        self,
        session: botocore.session.Session,
        service: str,
        region: str | None,
        transport: Transport,
    ) -> Any:
        client = session.create_client(
            service,
            region_name=region,
            endpoint_url=self._settings.service_endpoint if service == "appconfigdata" else None,
            config=Config(
                user_agent_extra=f"fastext/{__version__}",
                # A call here is one request: when to ask again is decided by session and poller.
                retries={"mode": "standard", "total_max_attempts": 1},
            ),
        )

        def send(request: AWSPreparedRequest, **_: object) -> AWSResponse:
            answer = transport.send(
                request.method,
                request.url,
                {name: text(value) for name, value in request.headers.items()},
                content(request.body),
                self._local.deadline,
            )
            body = answer.content if answer.status < 400 else readable(answer.content)
            return AWSResponse(request.url, answer.status, answer.fields, _Content(body))

        def ask_for_rules(request: AWSRequest, **_: object) -> None:
            request.headers["Accept"] = ACCEPT

        if service == "appconfigdata":
            client.meta.events.register(
                "request-created.appconfigdata.GetLatestConfiguration", ask_for_rules
            )
        # An answer that a handler of this event gives is taken instead of botocore's own sending.
        client.meta.events.register_first("before-send", send)
        return client

    def _new_transport(self, session: botocore.session.Session) -> Transport:
        settings, environ = self._settings, self._environ
        # AWS_CA_BUNDLE, or the profile's.
        ca_file = session.get_config_variable("ca_bundle") or ca_file_of(environ)

        def proxy_for(url: str) -> str | None:
            if settings.proxy_url:
                return settings.proxy_url
            proxies = get_environ_proxies(url)
            proxy: str | None = proxies.get(url.partition(":")[0]) or proxies.get("all")
            return proxy

        return Transport(
            trust=Trust(ca_file),
            max_connections=settings.max_connections,
            proxy_for=proxy_for,
            proxy_fields=dict(settings.proxy_headers or ()),
        )


class _OurModels(Loader):  # type: ignore[misc]
    """botocore's service models, as if there were no others than those that are used here.

    To find that two services exist botocore lists the folders of 440, and to find their endpoints
    it reads a table of all, though both services have rules of their own: half of what it takes to
    make a client.
    """

    def list_available_services(self, type_name: str) -> list[str]:
        return ["appconfigdata", "sts"]

    def load_data_with_path(self, name: str) -> tuple[Any, str]:
        if name == "endpoints":
            return {"version": 3, "partitions": []}, self.BUILTIN_DATA_PATH
        found: tuple[Any, str] = super().load_data_with_path(name)
        return found


def new_session(region: str | None) -> botocore.session.Session:
    """A session of botocore, where it can with our models only.

    A profile may ask for another service (SSO), and names such as aws-global are Regions only by
    the table of all endpoints.
    """
    session = botocore.session.Session()
    if not session.available_profiles and not (region or "").endswith("-global"):
        session.register_component("data_loader", _OurModels())
    return session


class _Content(io.BytesIO):
    """An answer's content as botocore reads it: whole, or as a stream."""

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        yield self.read()


class _AssumedRole(CredentialProvider):  # type: ignore[misc]
    """Credentials of a role, assumed when they are first needed and again before they expire."""

    METHOD = "assume-role"
    CANONICAL_NAME = "fastextAssumeRole"

    def __init__(self, sts: Any, arguments: Mapping[str, str | int]) -> None:
        super().__init__()
        self._sts = sts
        self._arguments = arguments

    def load(self) -> DeferredRefreshableCredentials:
        return DeferredRefreshableCredentials(refresh_using=self._refresh, method=self.METHOD)

    def _refresh(self) -> dict[str, str]:
        try:
            with translated("AssumeRole"):
                credentials = self._sts.assume_role(**self._arguments)["Credentials"]
        except (InvalidUpstreamRequest, NotFound) as fault:
            # Not of the configuration's names, but of ours: to the caller there are no credentials.
            raise Unavailable(fault.message) from fault
        return {
            "access_key": credentials["AccessKeyId"],
            "secret_key": credentials["SecretAccessKey"],
            "token": credentials["SessionToken"],
            "expiry_time": credentials["Expiration"].isoformat(),
        }


def role_arguments(role: Role) -> dict[str, str | int]:
    """The parameters of AssumeRole."""
    arguments: dict[str, str | int] = {
        "RoleArn": role.arn,
        "RoleSessionName": role.session_name or DEFAULT_ROLE_SESSION_NAME,
    }
    if role.external_id:
        arguments["ExternalId"] = role.external_id
    if role.duration_s:
        arguments["DurationSeconds"] = role.duration_s
    return arguments


@contextlib.contextmanager
def translated(operation: str) -> Iterator[None]:
    """Turns whatever comes out of a call of botocore, but NoCredentialsError, into ours."""
    try:
        yield
    except FastextError as fault:
        fault.message = f"{operation}: {fault.message}"
        raise
    except NoCredentialsError:
        raise
    except ClientError as fault:
        raise translate(fault, operation) from fault
    except NoRegionError as fault:
        raise Unavailable(
            f"{operation}: no Region; set AWS_APPCONFIG_EXTENSION_SERVICE_REGION or AWS_REGION"
        ) from fault
    except (ResponseParserError, RecursionError) as fault:
        # Its text holds the answer itself, and with it perhaps a token.
        raise Unavailable(f"{operation}: the answer cannot be read") from fault
    except (BotoCoreError, ValueError) as fault:
        raise Unavailable(f"{operation}: {fault}") from fault
    except KeyError as fault:
        raise Unavailable(f"{operation}: the answer lacks {fault}") from fault


def translate(fault: ClientError, operation: str) -> UpstreamError:
    """Our error for an error answer of the service."""
    error = fault.response.get("Error", {})
    return service_error(
        operation,
        fault.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0),
        code_of(fault),
        str(error.get("Message") or ""),
        fault.response,
    )


def code_of(fault: ClientError) -> str:
    return str(fault.response.get("Error", {}).get("Code", ""))


def readable(error: bytes) -> bytes:
    """The content of an error answer as botocore can read it.

    `Details` is a union, and where it has no member botocore reads nothing of the answer at all.
    """
    try:
        members = json.loads(error)
    except (ValueError, RecursionError):
        return error
    if isinstance(members, dict) and members.get("Details") == {}:
        del members["Details"]
        return json.dumps(members).encode()
    return error


def text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def content(body: str | bytes | None) -> bytes:
    """The content of a prepared request; both operations send a short text or nothing."""
    if body is None:
        return b""
    return body.encode() if isinstance(body, str) else bytes(body)
