"""The first instructions of the process: listen, register, and only then load the rest.

    exec -> listen on the port -> register with Lambda -> import everything else -> serve

Lambda starts the function's runtime when every extension has registered, so what comes before is
added to the cold start, and what comes after overlaps with the runtime's own start. From the
first step on early callers wait in the kernel's backlog instead of being refused.

Nothing but built-in modules, `_socket` and three import-free modules of ours is loaded here; a test
reads the list of loaded modules.
"""

import _signal  # type: ignore[import-not-found]
import _socket
import gc
import posix
import sys
import time

from fastext import __version__
from fastext.extensions_api import ExtensionsApi
from fastext.lifecycle_errors import ExtensionsApiError, PortTaken
from fastext.settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastext.head_start import HeadStart

# Callers that connect before we serve wait in the backlog; Linux caps it at somaxconn.
BACKLOG = 1024

INVOKE, SHUTDOWN = "INVOKE", "SHUTDOWN"

# How long a thread may hold the interpreter during the start, in seconds: by CPython's 5 ms an
# answer from the network would wait as long behind every import.
SWITCH_INTERVAL_S = 0.0005

# What the kernel keeps of a reply that its reader has not taken yet; Linux doubles it. Left to grow
# to its 4 MB a large document falls out of the processor's cache between our copy and the reader's.
SEND_BUFFER_BYTES = 128 * 1024

# AWS_LAMBDA_INITIALIZATION_TYPE of Lambda Managed Instances, which are never frozen and refuse
# registration for INVOKE.
MANAGED_INSTANCES = "lambda-managed-instances"


# What else the program does, for people who own flags.
COMMANDS = ("explain", "split", "lint", "snapshot")

# Variables that ECS and Kubernetes set in every container.
CONTAINERS = ("ECS_CONTAINER_METADATA_URI_V4", "ECS_CONTAINER_METADATA_URI",
              "KUBERNETES_SERVICE_HOST")  # fmt: skip


class Start:
    """What has happened before the rest of the program was loaded.

    `sockets` listen on `port` of `host`, or there are none and `port_fault` says why; `problems`
    has lines for the log, of addresses that are taken. `api` is the Extensions API, or None outside
    Lambda; `events` are those that the extension is registered for, and `api_fault` says why it is
    not. `head_start` holds the retrievals that are under way. Times are in seconds of the monotonic
    clock; `usual_switch_interval_s` is what holds but during the start.
    """

    __slots__ = ("api", "api_fault", "environ", "events", "head_start", "host", "port",
                 "port_fault", "problems", "registered_at", "settings", "sockets", "started_at",
                 "usual_switch_interval_s")  # fmt: skip

    def __init__(self, environ: "dict[str, str]", api: "ExtensionsApi | None" = None) -> None:
        self.environ = environ
        self.api = api
        self.started_at = self.registered_at = time.monotonic()
        self.settings = Settings.from_env(environ, in_lambda=self.in_lambda)
        self.port = self.settings.http_port
        self.host = self.settings.http_host or self._default_host()
        self.head_start: HeadStart | None = None
        self.usual_switch_interval_s = sys.getswitchinterval()
        self.sockets: list[_socket.socket] = []
        self.port_fault: PortTaken | None = None
        self.api_fault: ExtensionsApiError | None = None
        self.events: tuple[str, ...] = ()
        self.problems: list[str] = []

    def _default_host(self) -> str:
        """Containers are reached from beside them, and so not by their own loopback."""
        containers = any(self.environ.get(name) for name in CONTAINERS)
        return "all" if containers and not self.in_lambda else "localhost"

    @property
    def in_lambda(self) -> bool:
        return self.api is not None

    def listen(self) -> None:
        """Open the sockets."""
        try:
            self.sockets = listen(self.port, self.host, self.problems)
        except PortTaken as fault:
            self.port_fault = fault

    @property
    def listens(self) -> bool:
        """Whether it does on all that it should."""
        return bool(self.sockets) and not self.problems

    def listen_again(self) -> "list[_socket.socket]":
        """Open what was taken before; the new sockets. Raises PortTaken."""
        problems: list[str] = []
        if self.sockets:
            ipv6 = "::1" if self.host == "localhost" else "::"
            opened = [listen_on(_socket.AF_INET6, ipv6, self.port)]
        else:
            opened = listen(self.port, self.host, problems)
        self.sockets, self.problems = [*self.sockets, *opened], problems
        return opened


def main() -> int:
    """The command `fastext`. Its exit status; in Lambda it does not return before SHUTDOWN."""
    gc.disable()  # what the start makes stays: collecting in it is a tenth of its time, for nothing
    keep_standard_descriptors()
    environ = environment()
    address = environ.get("AWS_LAMBDA_RUNTIME_API")
    if not address and len(sys.argv) > 1:
        return usage(sys.argv[1:])
    exit_on_signals()
    if address:
        return in_lambda(environ, ExtensionsApi(address), sys.argv[0].rpartition("/")[2])
    start = Start(environ)
    start.listen()
    return go_on(start)


def in_lambda(environ: "dict[str, str]", api: ExtensionsApi, name: str) -> int:
    """The life of the extension of this name, whose end takes the function with it."""
    sockets: list[_socket.socket] = []
    try:
        start = Start(environ, api)
        start.listen()
        sockets = start.sockets
        register(start, name)
        return go_on(start)
    except Exception as fault:
        from fastext.last_resort import stay

        if not api.registered:
            api.register(name, (INVOKE, SHUTDOWN))
        why = f"{type(fault).__name__}: {fault}"
        exit_on_signals()
        # Not by the interpreter, which ends threads that may lack the memory to be ended.
        posix._exit(stay(api, sockets, why, environ.get("AWS_LAMBDA_LOG_FORMAT", "")))


def keep_standard_descriptors() -> None:
    """Have descriptors 0 to 2 lead somewhere: where one is closed the next socket would have its
    number, and get what is logged.
    """
    for descriptor in (0, 1, 2):
        try:
            posix.fstat(descriptor)
        except OSError:
            posix.open("/dev/null", posix.O_RDWR)  # the lowest number that is free


def exit_on_signals() -> None:
    """Until the loop follows them, or when it does no longer."""
    for signum in (_signal.SIGTERM, _signal.SIGINT):
        _signal.signal(signum, lambda *_: posix._exit(0))


def go_on(start: Start) -> int:
    """Begin what waits for the network, load the rest of the program meanwhile, and run it."""
    if start.api_fault is None and (start.in_lambda or start.port_fault is None):
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        from fastext.head_start import HeadStart

        start.head_start = HeadStart(start.settings, start.environ)
    from fastext.late_modules import late_modules

    with late_modules("inspect", "subprocess", "traceback"):
        from fastext.extension import run
    return run(start)


def environment() -> "dict[str, str]":
    """The process's environment; `os` would be an import."""
    return {
        name.decode("utf-8", "surrogateescape"): value.decode("utf-8", "surrogateescape")
        for name, value in posix.environ.items()
    }


def usage(arguments: "list[str]") -> int:
    """Answer --version and --help, or run a command; anything else is a mistake."""
    if arguments == ["--version"]:
        print(f"fastext {__version__}")
        return 0
    if arguments[0] in COMMANDS:
        try:
            from fastext.commands import main as command
        except ImportError:  # in the layer
            sys.stderr.write(
                "fastext: this build has no commands; pip install of a checkout has them\n"
            )
            return 2
        return command(arguments)
    from fastext.usage import text

    if arguments in (["--help"], ["-h"]):
        print(text())
        return 0
    sys.stderr.write(f"fastext: unknown arguments {' '.join(arguments)}; see fastext --help\n")
    return 2


def listen(port: int, host: str, problems: "list[str]") -> "list[_socket.socket]":
    """Sockets that listen on `host`: localhost, all, an address or a name.

    `problems` gets a line where it is served in part only. Raises PortTaken.
    """
    if host in ("localhost", "all"):
        ipv4, ipv6 = ("127.0.0.1", "::1") if host == "localhost" else ("0.0.0.0", "::")  # noqa: S104
        sockets = [listen_on(_socket.AF_INET, ipv4, port)]
        try:
            # Some clients turn "localhost" into ::1 first.
            return [*sockets, listen_on(_socket.AF_INET6, ipv6, port)]
        except PortTaken as fault:
            if fault.in_use:  # by a stranger, who answers those clients in our place
                problems.append(f"{fault.message}; only {ipv4} is served")
            return sockets
    try:
        found = _socket.getaddrinfo(host, port, 0, _socket.SOCK_STREAM)
    except (OSError, ValueError) as fault:  # UnicodeError is one, for names that are none
        said = fault.strerror if isinstance(fault, OSError) else "it is no host name"
        raise PortTaken(f"cannot listen on {host!r}: {said}; see HTTP_HOST") from None
    sockets = []
    for family, address in dict.fromkeys((one[0], one[4][0]) for one in found):
        try:
            sockets.append(listen_on(family, str(address), port))
        except PortTaken:
            for sock in sockets:
                sock.close()
            raise
    return sockets


def listen_on(family: int, host: str, port: int) -> _socket.socket:
    sock = None
    try:
        sock = _socket.socket(family, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        # A port whose last owner has just died is free (TIME_WAIT), one with a listener is not.
        sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, SEND_BUFFER_BYTES)  # inherited
        if family == _socket.AF_INET6:
            sock.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError as fault:
        from errno import EADDRINUSE

        if sock is not None:
            sock.close()
        raise PortTaken(
            f"cannot listen on {host} port {port}: {fault.strerror}; stop what uses it, or set "
            "AWS_APPCONFIG_EXTENSION_HTTP_PORT",
            in_use=fault.errno == EADDRINUSE,
        ) from None
    return sock


def is_loopback(sock: "_socket.socket") -> bool:
    """Whether only this machine reaches a listening socket."""
    address = str(sock.getsockname()[0])
    return address.startswith("127.") or address == "::1"


def register(start: Start, name: str) -> None:
    """Register for INVOKE and SHUTDOWN, or where INVOKE is refused for SHUTDOWN alone.

    A registration that fails altogether is left to `run`, which reports it to Lambda.
    """
    api = start.api
    assert api is not None
    managed = start.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == MANAGED_INSTANCES
    start.events = (SHUTDOWN,) if managed else (INVOKE, SHUTDOWN)
    try:
        api.register(name, start.events)
    except ExtensionsApiError as fault:
        if fault.error_type != "Extension.InvalidEventType" or managed:
            start.api_fault = fault
            return
        start.events = (SHUTDOWN,)
        try:
            api.register(name, start.events)
        except ExtensionsApiError as refused:
            start.api_fault = refused
    start.registered_at = time.monotonic()
