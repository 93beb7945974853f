"""Facts about the plan of `configure`, over values."""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from docker_credential_ecrpy.docker.config import DockerConfig
from docker_credential_ecrpy.docker.discover import ConfigureRequest, DockerFacts
from docker_credential_ecrpy.docker.plan import Plan, make_plan
from tests.world.machine import HOST

OTHER = "210987654321.dkr.ecr.eu-west-1.amazonaws.com"
HELPERS = st.dictionaries(
    st.sampled_from(["gcr.io", "ghcr.io", HOST]), st.sampled_from(["gcloud", "desktop"])
)
DOCUMENTS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "credHelpers": st.none() | HELPERS,
        "auths": st.none() | st.dictionaries(st.sampled_from(["ghcr.io", HOST]), st.just({})),
        "credsStore": st.sampled_from(["desktop", "pass"]),
        "plugins": st.recursive(st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)),
    },
).flatmap(lambda made: st.permutations(list(made.items())).map(dict))


def plan(data: bytes, wanted: ConfigureRequest, earlier: Sequence[bytes] = ()) -> Plan:
    facts = DockerFacts(
        DockerConfig.parse("config.json", data),
        "ecr-login",
        ["ecr-login"],
        settings_file="config.toml",
        fallback="desktop",
        backups=earlier,
    )
    return make_plan(facts, wanted)


def after(data: bytes, wanted: ConfigureRequest, earlier: Sequence[bytes] = ()) -> bytes:
    return plan(data, wanted, earlier).rewrites[0].after


@given(
    DOCUMENTS,
    st.sampled_from([None, 2, "\t"]),
    st.sampled_from([None, (",", ":"), (", ", " : ")]),
    st.sampled_from(["", "\n", "\r\n"]),
    st.booleans(),
)
def test_what_is_done_is_undone(
    made: dict[str, Any], indent: Any, separators: Any, end: str, store: bool
) -> None:
    """With a backup, --remove restores every byte, in any style; a second run is a no-op."""
    data = (json.dumps(made, indent=indent, separators=separators) + end).encode()
    hosts = {HOST: ("", ""), OTHER: ("", "")}
    wanted = ConfigureRequest(hosts, store)
    done = after(data, wanted)
    helpers = (made.get("credHelpers") or {}) | dict.fromkeys(hosts, "ecr-login")
    expected = made | {"credHelpers": helpers} | ({"credsStore": "ecr-login"} if store else {})

    assert json.loads(done) == expected
    assert not plan(done, wanted).needed
    assert after(done, ConfigureRequest(hosts, store, remove=True), [b"broken", done, data]) == data


@given(DOCUMENTS, st.sampled_from([None, 2, "\t"]))
def test_a_removal_without_a_backup(made: dict[str, Any], indent: Any) -> None:
    """What `configure` added is removed, and nothing else."""
    data = json.dumps(made, indent=indent).encode()
    hosts = {HOST: ("", ""), OTHER: ("", "")}
    undone = after(after(data, ConfigureRequest(hosts)), ConfigureRequest(hosts, remove=True))
    helpers = {k: v for k, v in (made.get("credHelpers") or {}).items() if k != HOST}

    assert json.loads(undone).get("credHelpers", {}) == helpers
    assert {k: v for k, v in json.loads(undone).items() if k != "credHelpers"} == {
        k: v for k, v in made.items() if k != "credHelpers"
    }


def test_a_file_of_rejected_entries_has_few_warnings() -> None:
    """Docker stops at the first of them; a line for each would be thousands."""
    data = json.dumps({"auths": {f"h{n}.example": {"auth": "eA=="} for n in range(1000)}}).encode()

    assert 1 <= len(plan(data, ConfigureRequest({HOST: ("", "")}, False)).warnings) < 10
