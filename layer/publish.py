"""Publishes the archives as Lambda layers, by the AWS CLI.

In each Region and for each architecture: a layer version, leave to use it for everybody where that
is asked for, and two SSM parameters that name it, one of this version of fastext and `latest`.
"""

import json
import shlex
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from layer.architecture import Architecture
from layer.errors import LayerError
from layer.sbom import own_version

Run = Callable[[Sequence[str]], str]


class Publisher:
    """Publishes what lies in `folder`; `run` runs a command line and gives what it prints."""

    def __init__(self, folder: Path, name: str, public: bool, run: Run) -> None:
        self._folder = folder
        self._name = name
        self._public = public
        self._run = run

    def publish(
        self, regions: Sequence[str], targets: Sequence[Architecture]
    ) -> dict[str, dict[str, str]]:
        """The ARNs by architecture and Region. Raises LayerError."""
        arns: dict[str, dict[str, str]] = {target.name: {} for target in targets}
        for region in regions:
            for target in targets:
                arns[target.name][region] = self._one(region, target)
        return arns

    def _one(self, region: str, target: Architecture) -> str:
        archive = self._folder / f"fastext-{target.name}.zip"
        if not archive.exists():
            raise LayerError(f"{archive} is missing: build it first")
        version = own_version()
        layer = f"{self._name}-{target.name}"
        arn = self._aws(
            region, "lambda", "publish-layer-version",
            "--layer-name", layer,
            "--description", f"fastext {version}, an AppConfig extension",
            "--license-info", "Apache-2.0",
            "--compatible-architectures", target.name,
            "--zip-file", f"fileb://{archive}",
            "--query", "LayerVersionArn", "--output", "text",
        )  # fmt: skip
        if self._public:
            self._aws(
                region, "lambda", "add-layer-version-permission",
                "--layer-name", layer, "--version-number", arn.rpartition(":")[2],
                "--statement-id", "public", "--action", "lambda:GetLayerVersion",
                "--principal", "*",
            )  # fmt: skip
        for which in (version, "latest"):
            self._aws(
                region, "ssm", "put-parameter",
                "--name", f"/fastext/layer/{target.name}/{which}",
                "--type", "String", "--overwrite", "--value", arn,
            )  # fmt: skip
        return arn

    def _aws(self, region: str, *arguments: str) -> str:
        return self._run(["aws", "--region", region, *arguments]).strip()


def run_aws(command: Sequence[str]) -> str:
    """Run it. Raises LayerError with what the AWS CLI says."""
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise LayerError("aws is missing: publishing needs the AWS CLI") from None
    if answer.returncode:
        raise LayerError(f"{shlex.join(command)}:\n  {answer.stderr.strip()}")
    return answer.stdout


def dry_run() -> Run:
    """Prints every call instead; layer versions get made-up ARNs, as the calls after need one."""

    def run(command: Sequence[str]) -> str:
        print(shlex.join(command))
        if "publish-layer-version" not in command:
            return ""
        region = command[command.index("--region") + 1]
        name = command[command.index("--layer-name") + 1]
        return f"arn:aws:lambda:{region}:123456789012:layer:{name}:1"

    return run


def write(arns: dict[str, dict[str, str]], path: Path) -> None:
    """`path` as JSON: version, then ARNs by architecture and Region."""
    path.write_text(json.dumps({"version": own_version(), "layers": arns}, indent=2) + "\n")


def lines(arns: dict[str, dict[str, str]]) -> Iterator[str]:
    for name, by_region in arns.items():
        for region, arn in by_region.items():
            yield f"{name:8} {region:16} {arn}"
