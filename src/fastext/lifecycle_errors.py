"""The base of all our errors, and those of a start: what registering needs; errors.py has the rest.

A start that has to make thirty classes before it registers is a twentieth of a bare start later.
"""

# A message may quote what a service has sent, and goes into the log and to every caller.
MAX_MESSAGE_CHARACTERS = 1000


class FastextError(Exception):
    """The base of all failures that fastext raises on purpose.

    `message` is one sentence for the caller or the log; `details` are further members of the JSON
    error body, such as the service's `ResourceType`; `fields` are further header fields.
    """

    status = 500
    fields: tuple[tuple[bytes, bytes], ...] = ()

    def __init__(self, message: str, details: dict[str, object] | None = None) -> None:
        if len(message) > MAX_MESSAGE_CHARACTERS:
            message = f"{message[:MAX_MESSAGE_CHARACTERS]}..."
        super().__init__(message)
        self.message = message
        self.details = details or {}

    def __str__(self) -> str:
        return self.message


class LifecycleError(FastextError):
    """Lambda or the sandbox did not let us start as asked."""


class ExtensionsApiError(LifecycleError):
    """The Extensions API refused a call or could not be reached.

    `error_type` is the API's own word, such as `Extension.InvalidEventType`, or "" where there
    was no answer.
    """

    def __init__(self, message: str, error_type: str = "") -> None:
        super().__init__(message)
        self.error_type = error_type


class PortTaken(LifecycleError):
    """The port cannot be listened on; `in_use` says that another process does."""

    def __init__(self, message: str, *, in_use: bool = False) -> None:
        super().__init__(message)
        self.in_use = in_use
