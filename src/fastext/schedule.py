"""When a configuration is asked for, and again after which outcome: decisions without effects.

The clock is an argument; only chance is not.
"""

from fastext.clock import Moment, elapsed
from fastext.deadline import Deadline
from fastext.errors import (
    AccessDenied,
    InvalidUpstreamRequest,
    NotFound,
    Throttled,
    Unavailable,
    Unusable,
    UpstreamError,
)
from fastext.session import ConfigurationSession, Retrieved

# What the service has understood and will not give.
REFUSALS = (AccessDenied, NotFound, InvalidUpstreamRequest)

# Nothing is asked for again so soon after the service has refused it: access and existence do not
# change within seconds (the real agent's log says "retry in 60s").
REFUSED_RETRY_S = 60.0

# A snapshot is as old as the deployment, so the service is asked again before the interval is over.
SNAPSHOT_RETRY_S = 5.0

# For as long the answer to a first retrieval that failed is given to the next caller as well.
REFUSED_MEMORY_S = 5.0
FAILURE_MEMORY_S = 1.0

# Before a first retrieval, for which a caller waits, is given up: transient failures get these
# pauses, each scaled by a random factor so that many sandboxes do not ask in step.
FIRST_RETRIEVAL_PAUSES_S = (0.1, 0.4)

# Timers are spread by up to this part of the interval, upwards: the service refuses early polls.
JITTER = 0.1

LONGEST_BACKOFF_S = 600.0


def due(since: Moment, wait_s: float, now: Moment) -> bool:
    """Whether a configuration that was last asked for at `since` is to be asked for again."""
    return elapsed(since, now) >= wait_s


def next_wait(
    poll_interval_s: float,
    service_interval_s: float,
    fault: UpstreamError | None,
    throttled: int,
    *,
    snapshot: bool = False,
) -> float:
    """Seconds from one poll to the next, of which `fault` was the last one's, if it had one.

    `throttled` counts the polls in a row that the service has throttled.

    `snapshot` says that all there is to serve is a snapshot.

    Full jitter on throttling follows the AWS Architecture Blog, "Exponential Backoff And Jitter".
    """
    wait = max(poll_interval_s, service_interval_s)
    if isinstance(fault, REFUSALS):
        return max(wait, REFUSED_RETRY_S)
    if isinstance(fault, Throttled):
        longest = min(wait * 2.0 ** min(throttled, 10), max(LONGEST_BACKOFF_S, wait))
        return wait + uniform(0, longest)
    if fault is not None and snapshot and not isinstance(fault, Unusable):
        return min(wait, SNAPSHOT_RETRY_S)
    return wait


def spread(wait_s: float) -> float:
    """`wait_s` or up to a tenth more, so that many agents do not ask in step."""
    return wait_s * (1 + uniform(0, JITTER))


def uniform(least: float, most: float) -> float:
    """A random number between the two."""
    import random  # late: most starts need none, and it takes as long as boot

    return random.uniform(least, most)  # noqa: S311  nothing is kept secret by it


def memory_of(fault: UpstreamError, wait_s: float) -> float:
    """For how many seconds a failed first retrieval is not repeated; a poll waits for `wait_s`."""
    if isinstance(fault, Unusable):
        # The service did answer: in the same session it refuses to be asked earlier, and a new one
        # would cost the whole document again.
        return max(wait_s, FAILURE_MEMORY_S)
    if isinstance(fault, REFUSALS):
        return REFUSED_MEMORY_S
    return FAILURE_MEMORY_S


def first_retrieval(session: ConfigurationSession, deadline: Deadline) -> Retrieved | None:
    """Poll, and poll again after transient failures, because a caller waits. On a worker."""
    for pause in FIRST_RETRIEVAL_PAUSES_S:
        try:
            return session.poll(deadline)
        except (Unavailable, Throttled):
            deadline.pause(pause * uniform(0.5, 1.0))
    return session.poll(deadline)
