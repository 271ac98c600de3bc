"""The AppConfig Data API through botocore: its only home.

botocore finds credentials, Region and endpoint as in every SDK, and signs; `transport` carries
the calls, and `answers` reads what comes, as for the direct client. Errors of botocore end here, as
ours: what it says itself may hold a secret, and is told only where it names a setting.

To build a client takes a hundred times as long as to use it, so it is built by the first call
that needs it, on that call's thread.
"""

import contextlib
import io
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import botocore.auth
import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import (
    ContainerProvider,
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
    EnvProvider,
)
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigNotFound,
    ConfigParseError,
    CredentialRetrievalError,
    EndpointProviderError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.loaders import Loader
from botocore.utils import ContainerMetadataFetcher, get_environ_proxies

from fastext import __version__
from fastext.answers import (
    ACCEPT,
    EXPIRED_CREDENTIALS,
    GET,
    REFUSED_KEYS,
    START,
    error_of,
    initial_token,
    retrieved,
    service_error,
)
from fastext.credentials import RENEWAL_PART, Credentials
from fastext.deadline import Deadline
from fastext.document import Key
from fastext.errors import (
    AccessDenied,
    FastextError,
    Throttled,
    Unavailable,
    UpstreamError,
)
from fastext.session import Retrieved
from fastext.settings import Role, Settings
from fastext.signature import SigningClock, signable
from fastext.tls import Trust, ca_file_of
from fastext.transport import Answer, Transport

# What the real agent calls its sessions (user guide, sample value of ROLE_SESSION_NAME).
DEFAULT_ROLE_SESSION_NAME = "AWSAppConfigAgentSession"

# After a renewal that has failed the next is tried no sooner: who waits for it waits in a row.
RENEWED_AGAIN_S = 5.0

# The name by which botocore finds our signer.
SIGNATURE_VERSION = "fastext-v4"

# Errors of botocore whose text names a setting, and nothing that a service or a secret says.
TELLING = (ConfigNotFound, ConfigParseError, EndpointProviderError, InvalidRegionError,
           PartialCredentialsError, ProfileNotFound)  # fmt: skip


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
        self._clock = SigningClock()
        self._local = _Call()

    def start_configuration_session(
        self, key: Key, minimum_interval_s: int, deadline: Deadline
    ) -> str:
        application, environment, profile = key

        def start(client: Any) -> None:
            client.start_configuration_session(
                ApplicationIdentifier=application,
                EnvironmentIdentifier=environment,
                ConfigurationProfileIdentifier=profile,
                RequiredMinimumPollIntervalInSeconds=minimum_interval_s,
            )

        return initial_token(self._call(START, start, deadline).content)

    def get_latest_configuration(self, token: str, deadline: Deadline) -> Retrieved:
        def get(client: Any) -> None:
            client.get_latest_configuration(ConfigurationToken=token)

        answer = self._call(GET, get, deadline)
        return retrieved(answer.fields, answer.content)

    def _call(self, operation: str, call: Callable[[Any], None], deadline: Deadline) -> Answer:
        """One call; a refusal that new credentials or the right time may cure is tried once more.

        Raises UpstreamError.
        """
        self._local.deadline = deadline
        try:
            with translated(operation):
                try:
                    client = self._connected()
                    call(client)
                    if self._cured(self._local.answer, client):
                        call(self._connected())
                except (FastextError, BotoCoreError, ClientError, MemoryError):
                    raise
                except Exception:
                    # Of whatever has broken it nothing is to last.
                    self._client = None
                    raise
            answer: Answer = self._local.answer
        except NoCredentialsError as fault:
            # They may appear later, and a client never looks for them again.
            self._client = None
            raise Unavailable(f"{operation}: no AWS credentials found") from fault
        finally:
            sent = self._local.sent
            self._local.deadline = self._local.answer = None
            self._local.sent = ()
        if answer.status >= 300:
            error = error_of(answer.status, answer.fields, answer.content)
            if error[0] in REFUSED_KEYS and self._renewable:
                self._client = None  # the next call finds what there is then
            raise service_error(operation, answer.status, *error, sent)
        return answer

    def _cured(self, answer: Answer, client: Any) -> bool:
        """Whether what the service refuses has been put right: credentials or clock."""
        if answer.status not in (400, 401, 403):
            return False
        code = error_of(answer.status, answer.fields, answer.content)[0]
        if code in EXPIRED_CREDENTIALS and self._renewable:
            self._connected(instead_of=client)
            return True
        return self._clock.put_right(code, answer.fields.get("date", ""))

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
        with_quick_container(session, environ)
        own_region = own_region or session.get_config_variable("region")
        region = settings.service_region or own_region
        if not region:
            raise NoRegionError
        transport = self._new_transport(session)
        if self._role:
            sts = self._create(session, "sts", own_region or region, transport)
            role = _AssumedRole(sts, role_arguments(self._role), self._clock, self._local)
            session = new_session(region)
            session.register_component("credential_provider", CredentialResolver([role]))
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
                proxies={},  # which the transport finds
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
            self._local.sent = secrets_of(request)
            if service == "appconfigdata":
                # It is ours to read; botocore gets one that says nothing.
                self._local.answer = answer
                answer = Answer(200, {}, b"{}")
            return AWSResponse(request.url, answer.status, answer.fields, _Content(answer.content))

        def ask_for_rules(request: AWSRequest, **_: object) -> None:
            request.headers["Accept"] = ACCEPT

        def choose_signer(context: dict[str, object], **_: object) -> str:
            context[SIGNATURE_VERSION] = self._clock
            return SIGNATURE_VERSION

        events = client.meta.events
        if service == "appconfigdata":
            events.register("request-created.appconfigdata.GetLatestConfiguration", ask_for_rules)
        botocore.auth.AUTH_TYPE_MAPS[SIGNATURE_VERSION] = _Signer
        events.register_first("choose-signer", choose_signer)
        # An answer that a handler of this event gives is taken instead of botocore's own sending.
        events.register_first("before-send", send)
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


class _Call(threading.local):
    """This thread's call: its deadline, what was answered, and what was sent that is secret."""

    deadline: Any = None
    answer: Any = None
    sent: tuple[str, ...] = ()


def secrets_of(request: AWSPreparedRequest) -> tuple[str, ...]:
    """What a request has in it that is not to be told."""
    _, _, token = request.url.partition("configuration_token=")
    session_token = text(request.headers.get("X-Amz-Security-Token", ""))
    authorization = text(request.headers.get("Authorization", ""))
    access_key = authorization.partition("Credential=")[2].partition("/")[0]
    return unquote(token), token, session_token, access_key


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


def with_quick_container(session: botocore.session.Session, environ: Mapping[str, str]) -> None:
    """Have `session` ask a container's endpoint, where there is one, by `_ContainerFetcher`."""
    if environ.get(ContainerProvider.ENV_VAR) or environ.get(ContainerProvider.ENV_VAR_FULL):
        providers = session.get_component("credential_provider")
        container = ContainerProvider(fetcher=_ContainerFetcher(sleep=lambda pause_s: None))
        providers.insert_before(ContainerProvider.METHOD, container)


class _ContainerFetcher(ContainerMetadataFetcher):  # type: ignore[misc]
    """botocore's own, but that it leaves time for the call that the credentials are for.

    Three times two seconds and the pauses between are more than a whole poll has; the endpoint is
    on the same host, and what fails is asked again by the next poll.
    """

    TIMEOUT_SECONDS = 1
    RETRY_ATTEMPTS = 1


class _Signer(botocore.auth.SigV4Auth):  # type: ignore[misc]
    """botocore's own, by the clock of the client, and only with credentials that can be sent."""

    def _modify_request_before_signing(self, request: AWSRequest) -> None:
        signable(self.credentials)
        request.context["timestamp"] = request.context[SIGNATURE_VERSION].timestamp()
        super()._modify_request_before_signing(request)


class _Content(io.BytesIO):
    """An answer's content as botocore reads it: whole, or as a stream."""

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        yield self.read()


class _AssumedRole(CredentialProvider):  # type: ignore[misc]
    """Credentials of a role, assumed when they are first needed and again before they expire."""

    METHOD = "assume-role"
    CANONICAL_NAME = "fastextAssumeRole"

    def __init__(
        self, sts: Any, arguments: Mapping[str, str | int], clock: SigningClock, call: _Call
    ) -> None:
        super().__init__()
        self._sts = sts
        self._arguments = arguments
        self._clock = clock
        self._call = call
        self._kept: Credentials | None = None
        self._failed_at = -RENEWED_AGAIN_S  # when the last renewal did

    def load(self) -> DeferredRefreshableCredentials:
        return DeferredRefreshableCredentials(refresh_using=self._refresh, method=self.METHOD)

    def _refresh(self) -> dict[str, str]:
        """What botocore asks for when the last have a quarter of an hour left, or none."""
        kept, deadline = self._kept, self._call.deadline
        if kept is None or kept.expires_at is None or kept.expires_at <= time.time():
            self._kept = self._retrieved()
        elif time.monotonic() - self._failed_at >= RENEWED_AGAIN_S:
            try:
                # Where STS hangs, there is still time for the call that they are for.
                self._call.deadline = Deadline(deadline.remaining_s() * RENEWAL_PART)
                self._kept = self._retrieved()
            except UpstreamError:
                self._failed_at = time.monotonic()  # the kept ones are good until they expire
            finally:
                self._call.deadline = deadline
        assert self._kept is not None
        expires_at = datetime.fromtimestamp(self._kept.expires_at or 0.0, UTC)
        return {
            "access_key": self._kept.access_key,
            "secret_key": self._kept.secret_key,
            "token": self._kept.token,
            "expiry_time": expires_at.isoformat(),
        }

    def _retrieved(self) -> Credentials:
        """Checked here, because botocore would keep whatever it gets. Raises UpstreamError."""
        with translated("AssumeRole", self._secrets):
            answer = self._assumed()
            got = answer["Credentials"]
            date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
            if got["Expiration"].tzinfo is None:
                raise Unavailable("the role's credentials do not say when they expire")
            # How long they live is what counts, whatever this machine's clock says.
            expires_at = self._clock.by_own(got["Expiration"].timestamp(), date)
            found = Credentials(
                got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"], expires_at
            )
            signable(found)
            if expires_at <= time.time():
                raise Unavailable("the role's credentials have no time left")
            return found

    def _secrets(self) -> tuple[str, ...]:
        return (*self._call.sent, str(self._arguments.get("ExternalId", "")))

    def _assumed(self) -> Any:
        try:
            return self._sts.assume_role(**self._arguments)
        except ParamValidationError as fault:
            # It names the parameter, and of its value no more than the length.
            said = str(fault).partition("\n")[2]
            raise Unavailable(
                f"{said}; see ROLE_ARN, ROLE_EXTERNAL_ID, ROLE_SESSION_NAME"
            ) from None
        except ClientError as fault:
            code = fault.response.get("Error", {}).get("Code", "")
            fields = fault.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
            if not self._clock.put_right(code, fields.get("date", "")):
                raise
            return self._sts.assume_role(**self._arguments)


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
def translated(operation: str, secrets: Callable[[], tuple[str, ...]] = tuple) -> Iterator[None]:
    """Turns whatever comes out of a call of botocore into ours, without what is secret of it.

    But for NoCredentialsError, and for want of memory, which is no fault of upstream.
    """
    try:
        yield
    except FastextError as fault:
        fault.message = f"{operation}: {fault.message}"
        raise
    except (NoCredentialsError, MemoryError):
        raise
    except ClientError as fault:
        raise translate(fault, operation, secrets()) from None
    except NoRegionError:
        raise Unavailable(
            f"{operation}: no Region; set AWS_APPCONFIG_EXTENSION_SERVICE_REGION or AWS_REGION"
        ) from None
    except TELLING as fault:
        raise Unavailable(f"{operation}: {fault}") from None
    except CredentialRetrievalError as fault:
        provider = fault.kwargs.get("provider", "the provider")
        raise Unavailable(
            f"{operation}: no AWS credentials: {provider} does not give any; look there for why"
        ) from None
    except Exception as fault:
        raise Unavailable(
            f"{operation}: botocore cannot make the call ({type(fault).__name__});"
            " check the credentials, the Region and the endpoint that are set"
        ) from None


def translate(fault: ClientError, operation: str, secrets: tuple[str, ...]) -> UpstreamError:
    """Our error for an error answer of a service that gives credentials, such as STS.

    What it does not find is not what was asked for here.
    """
    error = fault.response.get("Error", {})
    refused = service_error(
        operation,
        fault.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0),
        str(error.get("Code", "")),
        str(error.get("Message") or ""),
        {},
        secrets,
    )
    known = isinstance(refused, AccessDenied | Throttled)
    return refused if known else Unavailable(refused.message)


def text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def content(body: str | bytes | None) -> bytes:
    """The content of a prepared request; both operations send a short text or nothing."""
    if body is None:
        return b""
    return body.encode() if isinstance(body, str) else bytes(body)
