"""`make mutants`: whether the tests notice a change of a module.

Each mutant (see `making`) replaces its module in a copy of the tree, so that programs started by
the tests are mutants too, and the module's own tests run until one fails. A mutant that survives
needs a better test, or an entry in `equivalents.toml`; while one has neither, the exit code is 1.
"""

import argparse
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.mutants import equivalents
from tests.mutants.campaign import (
    KILLED,
    SURVIVED,
    TIMED_OUT,
    TREE,
    Campaign,
    Outcome,
    Worker,
    file_of,
)
from tests.mutants.making import Mutant, make_mutants

# Each module's own tests; the protocol's run through each entry point, here through one.
TESTS: dict[str, tuple[str, ...]] = {
    "hot.registry": ("tests/unit/hot/test_registry.py",),
    "hot.identity": ("tests/unit/hot/test_identity.py", "tests/unit/hot/test_inputs.py"),
    "hot.protocol": (
        "tests/unit/hot/test_protocol.py",
        "tests/promises/test_protocol.py",
        "-k",
        "not (ecr-login or ecrpy or module)",
    ),
    "hot.bazel": ("tests/unit/hot/test_bazel.py",),
    "hot.cache": ("tests/unit/hot/test_cache.py", "tests/unit/hot/test_origin.py"),
    "tokens.store": (
        "tests/unit/tokens/test_store.py",
        "tests/unit/tokens/test_removal.py",
        "tests/unit/tokens/test_store_logins.py",
        "tests/unit/tokens/test_full_cache.py",
        "-k",  # without those that write thousands of files
        "not (looks_at or too_many or no_login)",
    ),
    "tokens.recent": ("tests/unit/tokens/test_recent.py",),
    "tokens.turn": ("tests/unit/tokens/test_turn.py",),
    "tokens.entry": ("tests/unit/tokens/test_entry.py",),
    "tokens.login": ("tests/unit/tokens/test_login.py",),
    "tokens.folder": ("tests/unit/tokens/test_folder.py",),
    "files.directory": ("tests/unit/files/test_directory.py",),
    "files.lock": ("tests/unit/files/test_lock.py",),
    "files.private": ("tests/unit/files/test_private.py",),
    "tokens.lookup": ("tests/unit/tokens/test_lookup.py",),
    "tokens.lock_note": (
        "tests/unit/tokens/test_lock_note.py",
        "tests/unit/tokens/test_broker_log.py",
        "tests/unit/tokens/test_broker_places.py",
        "tests/unit/tokens/test_single_flight.py",
    ),
    "tokens.broker": (
        "tests/unit/tokens/test_broker.py",
        "tests/unit/tokens/test_broker_log.py",
        "tests/unit/tokens/test_broker_places.py",
        "tests/unit/tokens/test_lock_note.py",
        "tests/unit/tokens/test_refused.py",
        "tests/unit/tokens/test_single_flight.py",
    ),
    "helper.warm": ("tests/unit/helper/test_warm.py",),
    "helper.rule_table": ("tests/unit/helper/test_rule_table.py",),
    "helper.rule_compiler": ("tests/unit/helper/test_rule_table.py",),
    "settings.rule_reader": (
        "tests/unit/settings/test_rules.py",
        "tests/unit/settings/test_loader.py",
        "-k",
        "test_rules or everything or pattern_alone",
    ),
    "hot.values": ("tests/unit/hot/test_values.py",),
    "text.expression": ("tests/unit/text/test_expression.py",),
    "aws.sdk.transport.trust": ("tests/unit/aws/sdk/transport/test_trust.py",),
    "aws.sdk.lazy_modules": ("tests/unit/aws/sdk/test_lazy_modules.py",),
    "aws.sdk.handlers": ("tests/unit/aws/sdk/test_handlers.py",),
    "aws.sdk.data": ("tests/unit/aws/sdk/test_data.py",),
}


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()


def _say(text: str = "") -> None:
    _progress("")
    print(text, flush=True)  # noqa: T201 - the report is the program's output


def _show(module: str, mutant: Mutant) -> None:
    _say(f"{file_of(module)}:{mutant.line}: {mutant.where or 'module'}")
    for sign, text in (("-", mutant.was), ("+", mutant.now)):
        for line in text.splitlines():
            _say(f"    {sign} {line}")


def _report(
    module: str,
    outcomes: Sequence[Outcome],
    reasons: Sequence[equivalents.Equivalent],
    *,
    whole: bool,
) -> bool:
    """Print the outcomes of a module's mutants; return whether no mutant needs work."""
    ends = Counter(end for _, end in outcomes)
    survivors = [mutant for mutant, end in outcomes if end == SURVIVED]
    used = [
        (one, mutant.now) for mutant in survivors for one in reasons if one.covers(module, mutant)
    ]
    unused = [
        (one, now)
        for one in reasons
        for now in one.now
        if whole and one.module == module and (one, now) not in used
    ]
    for one, now in unused:
        _say(f"listed, but killed or missing: {module}: {one.where or 'module'}: {now}")
    score = 100 * (1 - len(survivors) / len(outcomes)) if outcomes else 100
    _say(
        f"{module}: {len(outcomes)} mutants, {ends[KILLED]} killed, {ends[TIMED_OUT]} timed out, "
        f"{len(survivors)} survived, {len(used)} of them listed; score {score:.1f} %"
    )
    return len(used) == len(survivors) and not unused


def main() -> int:
    """Test the mutants that the command line selects; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description="Test mutants.")
    parser.add_argument(
        "--module", action="append", choices=TESTS, help="this module; by default all"
    )
    parser.add_argument(
        "--sample", type=int, help="a random sample of this many mutants per module"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the sample")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="mutants tested at once"
    )
    parser.add_argument("--only", default="", help="mutants of lines with this text")
    options = parser.parse_args()
    reasons = equivalents.read()
    good = True

    def note(module: str, mutant: Mutant, end: str) -> None:
        if end == SURVIVED and not any(one.covers(module, mutant) for one in reasons):
            _show(module, mutant)
        _progress(f"{module}:{mutant.line}: {end}")

    with ExitStack() as stack:
        top = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mutants-")))
        workers = [Worker(top / str(number)) for number in range(options.jobs)]
        for worker in workers:
            stack.callback(worker.close)
        campaign = Campaign(workers, TESTS, note)
        stack.callback(campaign.close)
        started = []
        for module in options.module or TESTS:
            found = make_mutants((TREE / file_of(module)).read_text())
            mutants = [mutant for mutant in found if options.only in mutant.was]
            if options.sample is not None:
                chosen = random.Random(options.seed)
                mutants = chosen.sample(mutants, min(options.sample, len(mutants)))
            whole = len(mutants) == len(found)
            started.append((module, whole, campaign.start(module, mutants)))
        for module, whole, parts in started:
            outcomes = [outcome for part in parts for outcome in part.result()]
            good &= _report(module, outcomes, reasons, whole=whole)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
