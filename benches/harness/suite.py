"""Cases, groups, and the run of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch

from benches.harness import documents, machine
from benches.harness.build import Missing
from benches.harness.model import Outcome, Skip
from benches.harness.servers import Server, Servers


class Context:
    """What a case runs in: how thorough to be, which cores to use, the servers of its group.

    `step` tells the progress bar that a part of the case is done. There are `servers` from the
    first `serve`.
    """

    servers: Servers

    def __init__(self, *, quick: bool, step: Callable[[], None] = lambda: None) -> None:
        self.quick = quick
        self.step = step
        self.server_core, self.other_core = machine.cores()

    def rounds(self, full: int) -> int:
        """How many rounds: `full`, or a fifth of them."""
        return max(3, full // 5) if self.quick else full

    def serve(self) -> Servers:
        """A new set of servers for the documents of the site; a context, which ends them."""
        self.servers = Servers(documents.site(), self.server_core)
        return self.servers

    def available(
        self, group: str, case: str, names: Sequence[str], document: str = ""
    ) -> tuple[dict[str, Server], list[Skip]]:
        """The servers by name, and a skip for each that this machine cannot have."""
        servers, skips = {}, []
        for name in names:
            try:
                servers[name] = self.servers.get(name, document)
            except Missing as lack:
                skips.append(Skip(group, f"{case}, {name}", str(lack)))
        return servers, skips


Run = Callable[[Context], Iterable[Outcome]]


@dataclass(frozen=True)
class Case:
    """`run` checks the answers that it is going to time, and raises WrongAnswer.

    It calls `Context.step` `context.rounds(rounds)` times, for the progress bar.
    """

    name: str
    run: Run
    rounds: int = 1
    needs_two_cores: bool = False


@dataclass(frozen=True)
class Group:
    """`what` is one line for the list and the tables."""

    name: str
    what: str
    cases: Sequence[Case]


def selected(groups: Sequence[Group], selection: Sequence[str]) -> list[tuple[Group, Case]]:
    """The cases that `selection` names: GROUP or GROUP,CASE, in which * stands for anything.

    Raises ValueError where one names nothing.
    """
    everything = [(group, case) for group in groups for case in group.cases]
    if not selection:
        return everything
    chosen = set()
    for wish in selection:
        group_name, _, case_name = wish.partition(",")
        found = [
            (group.name, case.name)
            for group, case in everything
            if group.name == group_name and fnmatch(case.name, case_name or "*")
        ]
        if not found:
            raise ValueError(f"{wish!r} names no case; --list shows all")
        chosen.update(found)
    return [(group, case) for group, case in everything if (group.name, case.name) in chosen]


def run_case(group: Group, case: Case, context: Context) -> list[Outcome]:
    """What the case has found; what this machine lacks is a skip."""
    if case.needs_two_cores and context.server_core == context.other_core:
        return [Skip(group.name, case.name, "needs two cores")]
    try:
        return list(case.run(context))
    except Missing as lack:
        return [Skip(group.name, case.name, str(lack))]
