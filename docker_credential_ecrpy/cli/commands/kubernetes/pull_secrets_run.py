"""How `pull-secrets` runs: once, or until it is ended; it loads the Kubernetes client."""

import time
from collections.abc import Callable, Sequence
from functools import partial

from docker_credential_ecrpy.cli.context import CommandContext
from docker_credential_ecrpy.helper.actions import Helper
from docker_credential_ecrpy.hot import paths, protocol
from docker_credential_ecrpy.hot.values import replace
from docker_credential_ecrpy.kubernetes.controller import loop, process, removal, resources
from docker_credential_ecrpy.kubernetes.controller import round as rounds
from docker_credential_ecrpy.kubernetes.controller.api.client import Cluster
from docker_credential_ecrpy.kubernetes.controller.metrics import Metrics
from docker_credential_ecrpy.kubernetes.controller.round import Report, Tools
from docker_credential_ecrpy.kubernetes.controller.sync import Deed
from docker_credential_ecrpy.kubernetes.controller.token_source import TokenSource
from docker_credential_ecrpy.kubernetes.pull_secrets.login import earliest
from docker_credential_ecrpy.kubernetes.pull_secrets.spec import (
    PullSecret,
    find_rules,
    list_rule_files,
)
from docker_credential_ecrpy.text.sanitize import make_printable
from docker_credential_ecrpy.text.times import stamp

Run = Callable[[Tools, PullSecret, Sequence[str]], Report]


def run_once(
    context: CommandContext,
    cluster: Cluster,
    wanted: Sequence[PullSecret],
    *,
    is_removal: bool,
    is_dry: bool,
) -> int:
    """Run one round, and print what it did; return the exit code.

    wanted: one that selects namespaces, or those of one Secret in several.
    """
    tools = rounds.Tools(cluster, context.helper, TokenSource(), time.time_ns, is_dry)
    run: Run = rounds.remove if is_removal else rounds.run
    report = Report()
    for each in wanted:
        report.add(run(tools, each, rounds.find_namespaces(cluster, each)))
        if each.namespaces and not (is_removal or report.errors):
            search = removal.search_by_options(cluster, each)
            removal.take_out_leftovers(tools, search, report)
    _print_report(context, report, is_dry=is_dry)
    return protocol.FAILED if report.errors else protocol.OK


def _print_report(context: CommandContext, report: Report, *, is_dry: bool) -> None:
    """Print what a round did."""
    would = "would change: " if is_dry else ""
    for one in report.synced:
        if one.errors and one.deed is Deed.NOTHING:
            continue
        is_changed = one.deed is not Deed.NOTHING
        until = ""
        if one.times and not is_dry:
            until = f"; it expires at {stamp(earliest(one.times.values()).expires)}"
        context.console.say(
            f"{would if is_changed else ''}secret {one.target} {one.deed.value}{until}"
        )
    for change in report.accounts:
        context.console.say(f"{would}{change}")
    for failure in report.failures:
        _note(context, f"{context.name}: {failure.name}: {failure.error}")
    said = set()
    for one in report.synced:
        for key, error in one.errors.items():
            if (key, str(error)) not in said:  # AWS was asked once for all namespaces
                said.add((key, str(error)))
                _note(context, f"{context.name}: {one.target}: {key}: {error}")


def keep_fresh(
    context: CommandContext, cluster: Cluster, wanted: Sequence[PullSecret], listen: str
) -> None:
    """Keep the Secrets fresh until SIGTERM or SIGINT. Raises HelperError."""
    parts = _gather(context, cluster)
    controller = loop.Loop(parts)
    for each in wanted:
        controller.put(each)
        if each.namespaces:
            controller.removal.leave_leftovers(removal.search_by_options(cluster, each))
    process.run(controller, parts.metrics, listen, parts.say)


def follow(
    context: CommandContext, cluster: Cluster, namespace: str, listen: str, rules: str
) -> None:
    """Follow the custom resources until SIGTERM or SIGINT. Raises HelperError."""
    parts = _gather(context, cluster, rules)
    followed = resources.Resources(parts, namespace, by_rule=bool(rules))
    process.run(followed, parts.metrics, listen, parts.say)


def _gather(context: CommandContext, cluster: Cluster, rules: str = "") -> loop.Parts:
    """Return what the loop works with. rules: the folder of rules of the operator."""

    def make(wanted: PullSecret) -> Helper:
        # A helper reads its settings once, and the controller has to see a change.
        file = find_rules(wanted, rules)
        environ = context.helper.environ
        environ = {**environ, "AWS_ECR_CONFIG": file} if file else environ
        return replace(context.helper, environ=environ)

    def say(text: str) -> None:
        _note(context, f"{stamp(time.time_ns())} {text}")

    files = partial(list_rule_files, rules, paths.config_file(context.helper.environ))
    return loop.Parts(cluster, make, files, say, Metrics(), time.time_ns)


def _note(context: CommandContext, text: str) -> None:
    """Print a line to standard error; it may name what others wrote, such as a Secret's type."""
    context.console.note(make_printable(text))
