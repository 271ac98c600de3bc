"""What the environment says: every variable once, in one table, and the settings read by it.

`VARIABLES` is the only list of variables; `--help`, the tables of the manual and the tests are made
of it. A bad value never stops the process: it becomes one line in `Settings.problems`, and the
default holds. This module imports nothing at all, because `startup` needs it before `register`, and
each import of dataclasses, enum or re costs more than a bare interpreter start.

Names and defaults: AWS AppConfig user guide, "Configuring the AWS AppConfig Agent Lambda
extension" and "Using environment variables to configure AWS AppConfig Agent".
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LAMBDA_PREFIX = "AWS_APPCONFIG_EXTENSION_"

# Variables that only fastext has carry its name, in Lambda and elsewhere.
OWN_PREFIX = "FASTEXT_"

LOG_LEVELS = ("trace", "debug", "info", "warn", "error", "fatal", "none")

# `direct` is the lean client, used where it suffices; `botocore` is the complete one, always.
DATA_CLIENTS = ("direct", "botocore")

# Go's duration units, in seconds (pkg.go.dev/time#ParseDuration).
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}

# A year: longer intervals are a slip of the pen, and time-outs above it overflow the platform.
_LONGEST_S = 366 * 86400.0


def parse_duration(text: str, bare_unit: str) -> float:
    """Seconds in a duration such as `45`, `45s`, `300ms`, `5m` or `1h30m`.

    A number without a unit counts in `bare_unit`. Raises ValueError for anything else, for zero
    and for negative durations.
    """
    total = 0.0
    rest = text.strip()
    if rest and all(c.isdecimal() or c == "." for c in rest):
        rest += bare_unit
    if not rest:
        raise ValueError("is empty")
    while rest:
        digits = len(rest) - len(rest.lstrip("0123456789."))
        number, rest = rest[:digits], rest[digits:]
        letters = 0
        while letters < len(rest) and rest[letters].isalpha():
            letters += 1
        unit, rest = rest[:letters], rest[letters:]
        if not number.isascii() or unit not in _UNITS:
            raise ValueError("is not a duration")
        try:
            total += float(number) * _UNITS[unit]
        except ValueError:
            raise ValueError("is not a duration") from None
    if not 0 < total <= _LONGEST_S:
        raise ValueError("is not a positive duration of at most a year")
    return total


def _seconds(text: str) -> float:
    return parse_duration(text, "s")


def _milliseconds(text: str) -> float:
    return parse_duration(text, "ms")


def parse_port(text: str) -> int:
    """A TCP port, 1 to 65535. Raises ValueError."""
    if not _is_port(text):
        raise ValueError("is not a port from 1 to 65535")
    return int(text)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 5 and 1 <= int(text) <= 65535


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 1000):
        raise ValueError("is not a number from 1 to 1000")
    return int(text)


def _many(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 8 and int(text) >= 1):
        raise ValueError("is not a number from 1 on")
    return int(text)


def _log_level(text: str) -> str:
    if text.lower() not in LOG_LEVELS:
        raise ValueError("is not one of " + ", ".join(LOG_LEVELS))
    return text.lower()


def _data_client(text: str) -> str:
    if text.lower() not in DATA_CLIENTS:
        raise ValueError("is not one of " + ", ".join(DATA_CLIENTS))
    return text.lower()


def _host(text: str) -> str:
    return text.lower()


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise ValueError("is neither true nor false")
    return text.lower() in ("true", "1")


def _text(text: str) -> str:
    return text


def _folder(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError("is not an absolute path")
    return text


def _folders(text: str) -> tuple[str, ...]:
    return tuple(_folder(item) for item in _items(text))


def _items(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())


def _http_url(text: str) -> str:
    scheme, _, rest = text.partition("://")
    authority = rest.partition("/")[0].rpartition("@")[2]
    host, colon, port = authority.rpartition(":")
    if not colon or authority.endswith("]"):
        host, port = authority, ""
    bracketed = host.startswith("[") and host.endswith("]")
    if (
        scheme.lower() not in ("http", "https")
        or not host
        or (":" in host) != bracketed
        or any(sign in host for sign in " ?#\\")
        or (port and not _is_port(port))
    ):
        raise ValueError("is not an http:// or https:// URL with a host")
    return text


def is_region(text: str) -> bool:
    """Whether it may stand in a host name and in a signature's scope: botocore's own rule."""
    return (
        0 < len(text) < 64
        and text.isascii()
        and text.replace("-", "").isalnum()
        and "-" not in (text[0], text[-1])
        and not text.isdigit()
    )


def _region(text: str) -> str:
    if not is_region(text):
        raise ValueError("is not a Region")
    return text


def _masked(text: str) -> str:
    """`text` without what a URL has before an @: a user and a password."""
    before, at, host = text.rpartition("@")
    scheme, separator, _ = before.partition("://")
    return f"{scheme + separator if separator else ''}***@{host}" if at else text


def _proxy_headers(text: str) -> tuple[tuple[str, str], ...]:
    """`name: value` pairs; a comma begins a new pair only where a `name:` follows it."""
    pairs: list[tuple[str, str]] = []
    for item in text.split(","):
        name, colon, value = item.partition(":")
        if colon and name.strip() and not name.strip().strip(_FIELD_NAME):
            pairs.append((name.strip(), value.strip()))
        elif pairs and item.strip():
            pairs[-1] = (pairs[-1][0], f"{pairs[-1][1]},{item.rstrip()}")
        elif item.strip():
            raise ValueError("is not a list of 'name: value'")
    if any(not value.isprintable() or max(value, default="") > "\xff" for _, value in pairs):
        raise ValueError("holds characters that no header field can")
    return tuple(pairs)


# The characters of a field name (RFC 9110 section 5.6.2, token).
_FIELD_NAME = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Variable:
    """One environment variable.

    `name` is the Lambda extension's name without `LAMBDA_PREFIX`, `agent_name` the standalone
    agent's unprefixed name; a name with `OWN_PREFIX` is the same everywhere. `parse` turns the text
    into the value of `Settings.<field>` or raises ValueError with the predicate of a sentence.
    `default` is the text that holds when nothing is set ("" means None). `secret` values never
    appear in a log line. `plain_in_lambda` says that AWS documents the unprefixed name for Lambda.
    `lambda_s_own` is Lambda's variable for every program of a sandbox; ours goes before it.
    """

    __slots__ = ("agent_name", "default", "field", "help", "lambda_s_own", "name", "parse",
                 "plain_in_lambda", "secret", "unit")  # fmt: skip

    def __init__(
        self,
        name: str,
        field: str,
        parse: "Callable[[str], object]",
        default: str,
        unit: str,
        help: str,
        *,
        agent_name: str = "",
        secret: bool = False,
        plain_in_lambda: bool = False,
        lambda_s_own: str = "",
    ) -> None:
        self.name = name
        self.field = field
        self.parse = parse
        self.default = default
        self.unit = unit
        self.help = help
        self.agent_name = agent_name or name
        self.secret = secret
        self.plain_in_lambda = plain_in_lambda
        self.lambda_s_own = lambda_s_own

    @property
    def lambda_name(self) -> str:
        return self.name if self.name.startswith(OWN_PREFIX) else LAMBDA_PREFIX + self.name

    def read(self, environ: "Mapping[str, str]", in_lambda: bool) -> tuple[str, str]:
        """The name under which the variable is set and its trimmed text, or two empty strings.

        Inside Lambda the unprefixed names belong to the function, so with one exception only the
        prefixed one counts; elsewhere both do. The prefixed one wins.
        """
        plain = not in_lambda or self.plain_in_lambda
        names = (self.lambda_name, self.agent_name) if plain else (self.lambda_name,)
        for name in (*names, self.lambda_s_own) if in_lambda else names:
            text = environ.get(name, "").strip()
            if text:
                return name, text
        return "", ""


VARIABLES = (
    Variable("HTTP_PORT", "http_port", parse_port, "2772", "port",
             "Port of the local HTTP server."),
    Variable("HTTP_HOST", "http_host", _host, "", "host",
             "Where to listen: localhost, all, an address or a host name. Without it: all in "
             "containers of ECS and Kubernetes, else localhost."),
    Variable("ACCESS_TOKEN", "access_token", _text, "", "text",
             "What callers must send as 'Authorization: Bearer ...', but for /ping.", secret=True),
    Variable("LOG_PATH", "log_path", _text, "", "path",
             "File for the log, instead of standard error."),
    Variable("LOG_LEVEL", "log_level", _log_level, "info", "level",
             "What is logged: trace, debug, info, warn, error, fatal or none.",
             lambda_s_own="AWS_LAMBDA_LOG_LEVEL"),
    Variable("MAX_CONNECTIONS", "max_connections", _count, "3", "connections",
             "How many calls to AWS AppConfig may run at once."),
    Variable("POLL_INTERVAL_SECONDS", "poll_interval_s", _seconds, "45", "s, or 45s, 5m, 1h",
             "How old a configuration may grow before it is asked for again.",
             agent_name="POLL_INTERVAL"),
    Variable("POLL_TIMEOUT_MILLIS", "poll_timeout_s", _milliseconds, "3000", "ms, or 300ms, 5s",
             "How long a whole refresh may take before it is given up.",
             agent_name="REQUEST_TIMEOUT"),
    Variable("PREFETCH_LIST", "prefetch_list", _items, "", "list",
             "Configurations to retrieve at the start: app:env:config or "
             "/applications/app/environments/env/configurations/config, comma-separated."),
    Variable("PROXY_HEADERS", "proxy_headers", _proxy_headers, "", "list",
             "Header fields for the proxy: 'name: value', comma-separated.", secret=True),
    Variable("PROXY_URL", "proxy_url", _http_url, "", "URL",
             "http:// or https:// proxy for calls to AWS.", secret=True),
    Variable("ROLE_ARN", "role_arn", _text, "", "ARN",
             "Role to assume for retrieving configurations."),
    Variable("ROLE_EXTERNAL_ID", "role_external_id", _text, "", "text",
             "External ID for assuming the role.", secret=True),
    Variable("ROLE_SESSION_NAME", "role_session_name", _text, "", "text",
             "Session name of the assumed role."),
    Variable("SERVICE_ENDPOINT", "service_endpoint", _http_url, "", "URL",
             "Endpoint of the AWS AppConfig Data service, such as a VPC endpoint's."),
    Variable("SERVICE_REGION", "service_region", _region, "", "Region",
             "Region of the AWS AppConfig service, if not the current one."),
    Variable("MANIFEST", "manifest", _text, "", "manifest",
             "What is read how: JSON, file:/path, or app:env:config, which is then followed."),
    Variable("WAIT_ON_MANIFEST", "wait_on_manifest", _flag, "true", "true or false",
             "Whether the first requests wait until the manifest is known."),
    Variable("BACKUP_DIRECTORY", "backup_directory", _text, "", "path",
             "Folder in which every configuration is saved, as plain text."),
    Variable("PRELOAD_BACKUPS", "preload_backups", _flag, "true", "true or false",
             "Whether backups are served from the start, or only if AWS cannot be reached."),
    Variable("FASTEXT_SNAPSHOT_DIRECTORY", "snapshot_directory", _text, "", "path",
             "Folder of snapshots, served where the first retrieval fails or takes too long."),
    Variable("FASTEXT_FIRST_FETCH_BUDGET_MILLIS", "first_fetch_budget_s", _milliseconds, "1000",
             "ms, or 300ms, 5s", "How long a first retrieval may take where there is a snapshot."),
    Variable("LOCAL_DEVELOPMENT_DIRECTORY", "local_directory", _text, "", "path",
             "Folder of files that are served in place of AWS AppConfig's configurations.",
             plain_in_lambda=True),
    Variable("FASTEXT_ALLOWED_HOSTS", "allowed_hosts", _items, "", "list",
             "Further host names under which the agent is called, outside Lambda and without an "
             "ACCESS_TOKEN."),
    Variable("FASTEXT_WRITE_ROOTS", "write_roots", _folders, "/tmp", "list",  # noqa: S108
             "Folders under which writeTo of a manifest may write, comma-separated."),
    Variable("FASTEXT_ION_SYMBOLS", "ion_symbols", _text, "", "path",
             "JSON file of Ion symbols' texts by ID, for those that AWS does not publish."),
    Variable("FASTEXT_MAX_CONFIGURATIONS", "max_configurations", _many, "1000", "configurations",
             "How many configurations are retrieved at most: each costs its polls."),
    Variable("FASTEXT_DATA_CLIENT", "data_client", _data_client, "direct", "client",
             "How AppConfig is called: by botocore, or direct, where the lean client suffices."),
    Variable("FASTEXT_CONSOLE", "console", _flag, "", "true or false",
             "Whether GET / serves the console; without this variable it does with "
             "LOCAL_DEVELOPMENT_DIRECTORY alone. Never in Lambda."),
)  # fmt: skip


class Role:
    """A role to assume, and how; `duration_s` is the life asked for its credentials, or None."""

    __slots__ = ("arn", "duration_s", "external_id", "session_name")

    def __init__(
        self,
        arn: str,
        external_id: "str | None" = None,
        session_name: "str | None" = None,
        duration_s: "int | None" = None,
    ) -> None:
        self.arn = arn
        self.external_id = external_id
        self.session_name = session_name
        self.duration_s = duration_s

    def _values(self) -> tuple[object, ...]:
        return self.arn, self.external_id, self.session_name, self.duration_s

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Role) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())


class Settings:
    """The values of all variables, read once; one attribute per `Variable.field`.

    `log_json` says that Lambda wants every log line to be a JSON object (Lambda developer guide,
    "Configuring JSON and plain text log formats"). `problems` holds one line for each value that
    could not be used: the variable, the value and what is used instead.
    """

    http_port: int
    http_host: str | None
    access_token: str | None
    log_path: str | None
    log_json: bool
    log_level: str
    max_connections: int
    poll_interval_s: float
    poll_timeout_s: float
    prefetch_list: tuple[str, ...] | None
    proxy_headers: tuple[tuple[str, str], ...] | None
    proxy_url: str | None
    role_arn: str | None
    role_external_id: str | None
    role_session_name: str | None
    service_endpoint: str | None
    service_region: str | None
    data_client: str
    ion_symbols: str | None
    max_configurations: int
    manifest: str | None
    wait_on_manifest: bool
    backup_directory: str | None
    preload_backups: bool
    snapshot_directory: str | None
    first_fetch_budget_s: float
    local_directory: str | None
    write_roots: tuple[str, ...]
    console: bool | None
    allowed_hosts: tuple[str, ...] | None
    problems: tuple[str, ...]

    @property
    def beyond_retrieval(self) -> bool:
        """Whether more is asked for than to retrieve and to serve."""
        return bool(
            self.manifest
            or self.backup_directory
            or self.snapshot_directory
            or self.local_directory
        )

    @property
    def role(self) -> "Role | None":
        """The role of ROLE_ARN."""
        if not self.role_arn:
            return None
        return Role(self.role_arn, self.role_external_id, self.role_session_name)

    @classmethod
    def from_env(cls, environ: "Mapping[str, str]", *, in_lambda: bool) -> "Settings":
        """Read every variable of the table; never raises."""
        settings = cls()
        problems = []
        for variable in VARIABLES:
            name, text = variable.read(environ, in_lambda)
            default = variable.parse(variable.default) if variable.default else None
            value = default
            if text:
                try:
                    value = variable.parse(text)
                except ValueError as fault:
                    shown = "its value" if variable.secret else repr(_masked(text))
                    held = variable.default or "nothing"
                    problems.append(f"{name}: {shown} {fault}; using {held} instead")
            setattr(settings, variable.field, value)
        log_format = environ.get("AWS_LAMBDA_LOG_FORMAT", "") if in_lambda else ""
        settings.log_json = log_format.upper() == "JSON"
        settings.problems = tuple(problems)
        return settings
