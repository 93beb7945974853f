"""Facts about the value of a pull secret: what is merged, kept, refused and taken out."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_ecrpy import PACKAGE
from docker_credential_ecrpy.hot.values import replace
from docker_credential_ecrpy.kubernetes.pull_secrets import names
from docker_credential_ecrpy.kubernetes.pull_secrets.content import record
from docker_credential_ecrpy.kubernetes.pull_secrets.form import DOCKER_CONFIG_KEY, Form, Target
from docker_credential_ecrpy.kubernetes.pull_secrets.names import Reason, Refusal
from docker_credential_ecrpy.kubernetes.pull_secrets.secret import (
    change,
    make,
    read_times,
    read_valid,
    removal,
)
from tests.world.hosts import HOST
from tests.world.pull_secrets import (
    FOREIGN,
    LATER,
    LOGIN,
    NEW_LOGIN,
    NOW,
    OTHER_HOST,
    OTHER_LOGIN,
    TARGET,
    TIMES,
    auths,
    docker_secret,
    secret,
    stored,
    values,
)

ARGO_CD = Target("argocd", "charts", Form.ARGO_CD, "charts/app")
PLAIN = Target("shop", "ecr", Form.PLAIN)
IDENTITIES = {HOST: "", OTHER_HOST: ""}


def test_a_new_secret_has_the_login_in_each_field_that_is_read() -> None:
    """User name, password and auth agree: kubelet reads auth first, and others the other two."""
    made = make(TARGET, [LOGIN])

    assert made["type"] == "kubernetes.io/dockerconfigjson"
    assert auths(made) == {
        HOST: {
            "username": "AWS",
            "password": "token-one",
            "auth": base64.b64encode(b"AWS:token-one").decode(),
        }
    }
    assert made["metadata"]["annotations"][names.MANAGED_BY] == PACKAGE
    assert made["metadata"]["annotations"][names.EXPIRES_AT] == "2027-01-15T20:00:00Z"


def test_the_annotations_hold_no_token() -> None:
    """Annotations are shown to those who may not read secrets."""
    assert "token-one" not in json.dumps(make(TARGET, [LOGIN])["metadata"])
    assert "token-one" not in repr(LOGIN)


def test_what_others_have_in_a_secret_stays() -> None:
    """One key of auths is merged: other logins, members, labels, annotations and UID stay."""
    there = docker_secret(
        {"auths": FOREIGN | {HOST: {"auth": "b2xk", "email": "me@example.com"}}, "detachKeys": "a"},
        metadata={
            "labels": {"team": "a"},
            "annotations": {"note": "b"},
            "ownerReferences": [{"uid": "o"}],
        },
    )
    patch = change(there, TARGET, [LOGIN], NOW)
    after = stored(there, patch)

    assert auths(after)["docker.io"] == FOREIGN["docker.io"]
    assert auths(after)[HOST]["email"] == "me@example.com"
    assert auths(after)[HOST]["auth"] == LOGIN.auth
    assert json.loads(values(after)[DOCKER_CONFIG_KEY])["detachKeys"] == "a"
    assert after["metadata"]["uid"] == "u-1"
    assert after["metadata"]["labels"] == {"team": "a"}
    assert after["metadata"]["annotations"]["note"] == "b"
    assert after["metadata"]["ownerReferences"] == [{"uid": "o"}]
    assert patch
    assert patch["metadata"]["resourceVersion"] == "7"


@pytest.mark.parametrize("target", [TARGET, ARGO_CD, PLAIN], ids=lambda at: at.form.value)
def test_nothing_is_written_when_nothing_changed(target: Target) -> None:
    """A secret that holds the logins needs no write, and its times can be read from it."""
    there = stored(make(target, [LOGIN]))

    assert change(there, target, [LOGIN], NOW) is None
    assert read_times(there, target, {HOST: ""}, NOW) == {HOST: TIMES}


@pytest.mark.parametrize("target", [TARGET, ARGO_CD, PLAIN], ids=lambda at: at.form.value)
def test_a_refresh_replaces_the_login_alone(target: Target) -> None:
    """After a refresh the secret is the one that would be made with the new token."""
    there = stored(make(target, [LOGIN]))
    after = stored(there, change(there, target, [NEW_LOGIN], NOW))

    assert values(after) == values(make(target, [NEW_LOGIN]))
    assert read_times(after, target, {HOST: ""}, NOW) == {HOST: LATER}
    assert change(after, target, [NEW_LOGIN], NOW) is None


def test_other_tokens_in_a_login_are_removed() -> None:
    """An identity token would win over the password."""
    there = docker_secret({"auths": {HOST: {"identitytoken": "x", "registrytoken": "y"}}})
    after = stored(there, change(there, TARGET, [LOGIN], NOW))

    assert set(auths(after)[HOST]) == {"username", "password", "auth"}


def test_a_registry_that_is_no_longer_wanted_is_taken_out() -> None:
    """Its login would expire in the secret; a login of others for it was never this program's."""
    there = stored(make(TARGET, [LOGIN, OTHER_LOGIN]))
    after = stored(there, change(there, TARGET, [LOGIN], NOW))

    assert set(auths(after)) == {HOST}
    assert set(record.read(after["metadata"])) == {HOST}
    untouched = docker_secret({"auths": {OTHER_HOST: {"auth": "x"}}})
    assert OTHER_HOST in auths(stored(untouched, change(untouched, TARGET, [LOGIN], NOW)))


def test_a_registry_without_a_new_token_keeps_the_old_one() -> None:
    """A failed fetch changes nothing for its registry, whose old times count."""
    there = stored(make(TARGET, [LOGIN, OTHER_LOGIN]))
    after = stored(there, change(there, TARGET, [NEW_LOGIN], NOW, kept=[OTHER_HOST]))

    assert auths(after)[OTHER_HOST] == auths(there)[OTHER_HOST]
    assert auths(after)[HOST]["password"] == "token-two"
    assert read_valid(after, TARGET, IDENTITIES) == {HOST: LATER, OTHER_HOST: TIMES}
    assert after["metadata"]["annotations"][names.EXPIRES_AT] == "2027-01-15T20:00:00Z"


EDITS: dict[str, Any] = {
    "password": {"auths": {HOST: {"username": "AWS", "password": "x", "auth": LOGIN.auth}}},
    "auth": {"auths": {HOST: {"username": "AWS", "password": "token-one", "auth": "eDp5"}}},
    "another token": {
        "auths": {
            HOST: {
                "username": "AWS",
                "password": "token-two",
                "auth": NEW_LOGIN.auth,
            }
        }
    },
    "removed": {"auths": {}},
    "null": {"auths": None},
    "no object": {"auths": {HOST: "x"}},
    "identity token": {
        "auths": {
            HOST: {
                "username": "AWS",
                "password": "token-one",
                "auth": LOGIN.auth,
                "identitytoken": "x",
            }
        }
    },
}


@pytest.mark.parametrize("config", EDITS.values(), ids=EDITS)
def test_an_edit_by_others_is_seen_and_restored(config: object) -> None:
    """A secret whose login was edited is not fresh, and gets the login again."""
    made = stored(make(TARGET, [LOGIN]))
    there = docker_secret(config, metadata=made["metadata"])

    assert read_times(there, TARGET, {HOST: ""}, NOW) is None
    after = stored(there, change(there, TARGET, [LOGIN], NOW))
    assert auths(after) == auths(made)


@pytest.mark.parametrize("name", [names.REFRESH_AT, names.EXPIRES_AT, names.REFRESHED_AT])
def test_an_edited_time_is_not_believed(name: str) -> None:
    """Whoever changes a time in an annotation cannot stop the refresh."""
    there = stored(make(TARGET, [LOGIN]))
    there["metadata"]["annotations"][name] = "2099-01-01T00:00:00Z"

    assert read_times(there, TARGET, {HOST: ""}, NOW) is None
    assert stored(there, change(there, TARGET, [LOGIN], NOW)) == stored(make(TARGET, [LOGIN]))


def test_another_rule_for_a_registry_makes_its_login_stale() -> None:
    """A login of another AWS identity than the rules choose now is not taken for fresh."""
    there = stored(make(TARGET, [LOGIN]))

    assert read_times(there, TARGET, {HOST: "profile='prod'"}, NOW) is None
    assert read_times(there, TARGET, {HOST: "", OTHER_HOST: ""}, NOW) is None


REFUSALS: dict[str, tuple[dict[str, Any], Target, Reason]] = {
    "immutable": (docker_secret({"auths": FOREIGN}, immutable=True), TARGET, Reason.IMMUTABLE),
    "wrong type": (secret({}, Form.PLAIN), TARGET, Reason.WRONG_TYPE),
    "old type": (
        docker_secret({}, type="kubernetes.io/dockercfg"),
        TARGET,
        Reason.WRONG_TYPE,
    ),
    "wrong type for others": (docker_secret({}), ARGO_CD, Reason.WRONG_TYPE),
    "no JSON": (secret({DOCKER_CONFIG_KEY: b'{"auths": '}), TARGET, Reason.MALFORMED),
    "a list": (docker_secret([]), TARGET, Reason.MALFORMED),
    "auths is a list": (docker_secret({"auths": []}), TARGET, Reason.MALFORMED),
    "a key twice": (
        secret({DOCKER_CONFIG_KEY: b'{"auths": {"a": {}}, "auths": {"b": {}}}'}),
        TARGET,
        Reason.MALFORMED,
    ),
    "a registry twice": (
        secret({DOCKER_CONFIG_KEY: b'{"auths": {"a": {"auth": "eA=="}, "a": {}}}'}),
        TARGET,
        Reason.MALFORMED,
    ),
    "too deep": (
        secret({DOCKER_CONFIG_KEY: b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}"}),
        TARGET,
        Reason.MALFORMED,
    ),
    "no number": (secret({DOCKER_CONFIG_KEY: b'{"a": 1e999}'}), TARGET, Reason.MALFORMED),
    "not base64": (
        docker_secret({}) | {"data": {DOCKER_CONFIG_KEY: "{}"}},
        TARGET,
        Reason.MALFORMED,
    ),
    "being deleted": (
        docker_secret({}, metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}),
        TARGET,
        Reason.TERMINATING,
    ),
    "password of others": (secret({"password": b"x"}, Form.PLAIN), PLAIN, Reason.NOT_MANAGED),
    "another repository": (secret({"url": b"x"}, Form.PLAIN), ARGO_CD, Reason.NOT_MANAGED),
}


@pytest.mark.parametrize(("there", "target", "reason"), REFUSALS.values(), ids=REFUSALS)
def test_what_is_refused(there: dict[str, Any], target: Target, reason: Reason) -> None:
    """A secret that cannot be merged is refused with a reason, and never deleted for it."""
    with pytest.raises(Refusal) as refused:
        change(there, target, [LOGIN], NOW)

    assert refused.value.reason is reason
    assert "token-one" not in str(refused.value)


@pytest.mark.parametrize("key", ["Auth", "PASSWORD", "identityToken"])
def test_a_key_in_another_case_is_an_edit_too(key: str) -> None:
    """Go reads it as the same one, so that it may win over the login; other keys stay."""
    there = stored(make(TARGET, [LOGIN]))
    members = {HOST: auths(there)[HOST] | {key: "eDp5", "Email": "a@example.com"}}
    there |= {"data": docker_secret({"auths": members})["data"]}
    assert read_times(there, TARGET, {HOST: ""}, NOW) is None
    after = auths(stored(there, change(there, TARGET, [LOGIN], NOW)))[HOST]

    assert set(after) == {"username", "password", "auth", "Email"}


def test_a_malformed_secret_is_not_quoted() -> None:
    """The text of a JSON parser may show others' logins."""
    with pytest.raises(Refusal) as refused:
        change(secret({DOCKER_CONFIG_KEY: b'{"auths": hunter2'}), TARGET, [LOGIN], NOW)

    assert "hunter2" not in str(refused.value)


def test_an_immutable_secret_with_the_login_is_no_error() -> None:
    """Nothing is to be written there."""
    there = stored(make(TARGET, [LOGIN])) | {"immutable": True}

    assert change(there, TARGET, [LOGIN], NOW) is None


def test_a_plain_secret_is_handed_over_by_its_annotation() -> None:
    """The hint of the refusal works: with the annotation, the values of before are replaced."""
    there = secret(
        {"username": b"AWS", "password": b"x", "note": b"mine"},
        Form.PLAIN,
        metadata={"annotations": {names.MANAGED_BY: PACKAGE}},
    )
    after = values(stored(there, change(there, PLAIN, [LOGIN], NOW)))

    assert after == {"username": b"AWS", "password": b"token-one", "note": b"mine"}


def test_an_empty_secret_made_before_is_filled() -> None:
    """So the controller needs no right to create secrets."""
    there = docker_secret({"auths": {}})
    assert set(auths(stored(there, change(there, TARGET, [LOGIN], NOW)))) == {HOST}
    there = secret({}, Form.PLAIN)
    del there["data"]
    assert values(stored(there, change(there, PLAIN, [LOGIN], NOW)))["password"] == b"token-one"


def test_argo_cd_reads_its_secret() -> None:
    """A repository of a chart has a URL without scheme; without one, it is for the registry."""
    made = make(ARGO_CD, [LOGIN])
    assert made["metadata"]["labels"] == {"argocd.argoproj.io/secret-type": "repository"}
    assert values(made) == {
        "type": b"helm",
        "enableOCI": b"true",
        "url": f"{HOST}/charts/app".encode(),
        "username": b"AWS",
        "password": b"token-one",
    }
    template = make(Target("argocd", "ecr", Form.ARGO_CD), [LOGIN])
    assert template["metadata"]["labels"] == {"argocd.argoproj.io/secret-type": "repo-creds"}
    assert values(template)["url"] == HOST.encode()


def test_argo_cd_gets_its_label_again() -> None:
    """Without its label, Argo CD does not see the secret."""
    there = stored(make(ARGO_CD, [LOGIN]))
    there["metadata"]["labels"] = {"team": "a"}

    assert read_times(there, ARGO_CD, {HOST: ""}, NOW) is None
    after = stored(there, change(there, ARGO_CD, [LOGIN], NOW))
    assert after["metadata"]["labels"] == {
        "team": "a",
        "argocd.argoproj.io/secret-type": "repository",
    }


@pytest.mark.parametrize("target", [ARGO_CD, PLAIN], ids=lambda at: at.form.value)
def test_one_login_alone_fits_the_other_forms(target: Target) -> None:
    """A form with one user name cannot hold two registries."""
    with pytest.raises(Refusal) as refused:
        make(target, [LOGIN, OTHER_LOGIN])

    assert refused.value.reason is Reason.INVALID_SPEC


@pytest.mark.parametrize("target", [TARGET, ARGO_CD, PLAIN], ids=lambda at: at.form.value)
def test_a_secret_of_its_own_is_deleted_by_removal(target: Target) -> None:
    """An empty patch stands for a deletion, where nothing of others would be left."""
    made = stored(make(target, [LOGIN]))

    assert removal(made, target) == {}
    made["data"]["note"] = "bm90ZQ=="
    after = stored(made, removal(made, target))
    assert "note" in after["data"]
    assert "token-one" not in str(values(after))


def test_removal_leaves_what_others_have() -> None:
    """The registry's key and the annotations go; the rest of the secret stays as it was."""
    before = docker_secret({"auths": FOREIGN}, metadata={"annotations": {"note": "b"}})
    there = stored(before, change(before, TARGET, [LOGIN], NOW))
    patch = removal(there, TARGET)
    after = stored(there, patch)

    assert patch
    assert patch["metadata"]["resourceVersion"] == "7"
    assert auths(after) == FOREIGN
    assert after["metadata"]["annotations"] == {"note": "b"}
    assert removal(after, TARGET) is None


def test_a_plain_secret_of_others_loses_the_login_alone() -> None:
    """What was there before the login stays."""
    before = secret({"note": b"mine"}, Form.PLAIN)
    there = stored(before, change(before, PLAIN, [LOGIN], NOW))

    assert values(stored(there, removal(there, PLAIN))) == {"note": b"mine"}


def test_an_immutable_secret_is_not_emptied() -> None:
    """It holds logins of others, too, so only its owner can delete it."""
    before = docker_secret({"auths": FOREIGN})
    there = stored(before, change(before, TARGET, [LOGIN], NOW)) | {"immutable": True}

    with pytest.raises(Refusal, match="immutable"):
        removal(there, TARGET)


def test_equal_json_is_not_rewritten() -> None:
    """JSON of others that has the login stays byte for byte: a write restarts what watches it."""
    member = {"auth": LOGIN.auth, "password": "token-one", "username": "AWS"}
    text = json.dumps({"auths": {HOST: member} | FOREIGN}, indent=7).encode()
    patch = change(secret({DOCKER_CONFIG_KEY: text}), TARGET, [LOGIN], NOW)

    assert patch
    assert "data" not in patch


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    config=st.dictionaries(st.text(), JSON, max_size=3),
    others=st.dictionaries(st.text(), JSON, max_size=4),
)
def test_no_foreign_key_is_lost(config: dict[str, Any], others: dict[str, Any]) -> None:
    """Whatever the JSON holds, a refresh and a removal leave the rest as it was."""
    others.pop(HOST, None)
    before = docker_secret(config | {"auths": others})
    there = stored(before, change(before, TARGET, [LOGIN], NOW))
    there = stored(there, change(there, TARGET, [NEW_LOGIN], NOW))
    after = stored(there, removal(there, TARGET))

    assert auths(there).pop(HOST)["password"] == "token-two"
    assert json.loads(values(after)[DOCKER_CONFIG_KEY]) == config | {"auths": others}


def test_a_login_is_that_of_a_key_alone() -> None:
    """A registry with a port is another key than the one without."""
    there = docker_secret({"auths": {HOST: {"auth": "x"}}})
    with_port = replace(LOGIN, key=f"{HOST}:443")
    after = stored(there, change(there, TARGET, [with_port], NOW))

    assert set(auths(after)) == {HOST, f"{HOST}:443"}


def test_owners_share_a_secret() -> None:
    """Each one changes and removes its own registries alone, and sees its own edits alone."""
    mine, theirs = (replace(TARGET, owner=f"ECRPullSecret/{name}") for name in ("a", "b"))
    there = stored(make(mine, [LOGIN]))
    both = stored(there, change(there, theirs, [OTHER_LOGIN], NOW))
    refreshed = stored(both, change(both, mine, [NEW_LOGIN], NOW))

    assert set(auths(both)) == {HOST, OTHER_HOST}
    assert read_times(both, mine, {HOST: ""}, NOW) == {HOST: TIMES}
    assert read_times(refreshed, theirs, {OTHER_HOST: ""}, NOW) == {OTHER_HOST: TIMES}
    assert change(refreshed, theirs, [OTHER_LOGIN], NOW) is None
    left = stored(refreshed, removal(refreshed, mine))
    assert set(auths(left)) == {OTHER_HOST}
    assert read_times(left, theirs, {OTHER_HOST: ""}, NOW) == {OTHER_HOST: TIMES}
    assert removal(left, mine) is None
    assert removal(left, theirs) == {}


def test_a_registry_has_one_owner() -> None:
    """Another one is refused until the login has expired: then nobody keeps it fresh."""
    mine, theirs = (replace(TARGET, owner=f"ECRPullSecret/{name}") for name in ("a", "b"))
    there = stored(make(mine, [LOGIN]))

    assert read_times(there, theirs, {HOST: ""}, NOW) is None
    with pytest.raises(Refusal, match="is kept fresh by ECRPullSecret/a; name another Secret"):
        change(there, theirs, [NEW_LOGIN], NOW)
    after = stored(there, change(there, theirs, [NEW_LOGIN], TIMES.expires))
    assert auths(after)[HOST]["password"] == "token-two"
    with pytest.raises(Refusal, match="is kept fresh by ECRPullSecret/b"):
        change(after, mine, [LOGIN], NOW)


@pytest.mark.parametrize("target", [ARGO_CD, PLAIN], ids=lambda at: at.form.value)
def test_the_other_forms_have_one_owner(target: Target) -> None:
    """Their one login cannot be shared, even for another registry."""
    for owners in (("ECRPullSecret/a", "ECRPullSecret/b"), ("pull-secrets/1", "pull-secrets/2")):
        mine, theirs = (replace(target, owner=owner) for owner in owners)
        there = stored(make(mine, [LOGIN]))

        with pytest.raises(Refusal, match="is kept fresh by"):
            change(there, theirs, [OTHER_LOGIN], NOW)


def test_options_with_other_registries_do_not_fight() -> None:
    """Each leaves the registries of the other, and the login that both want."""
    mine, theirs = (replace(TARGET, owner=f"pull-secrets/{name}") for name in "12")
    third = replace(OTHER_LOGIN, key="public.ecr.aws")
    there = stored(make(mine, [LOGIN, OTHER_LOGIN]))
    both = stored(there, change(there, theirs, [LOGIN, third], NOW))

    assert set(auths(both)) == {HOST, OTHER_HOST, "public.ecr.aws"}
    assert read_times(both, mine, IDENTITIES, NOW)
    assert read_times(both, theirs, {HOST: "", "public.ecr.aws": ""}, NOW)
    assert change(both, mine, [LOGIN, OTHER_LOGIN], NOW) is None
    assert removal(both, mine, [HOST, OTHER_HOST]) != {}
    left = stored(both, removal(both, mine, [HOST, OTHER_HOST]))
    assert set(auths(left)) == {"public.ecr.aws"}


def test_the_registries_of_options_that_ended_are_taken_out() -> None:
    """When their logins have expired, at the next write."""
    mine, theirs = (replace(TARGET, owner=f"pull-secrets/{name}") for name in "12")
    there = stored(make(mine, [OTHER_LOGIN]))
    both = stored(there, change(there, theirs, [NEW_LOGIN], NOW))
    assert read_times(both, theirs, {HOST: ""}, TIMES.expires - 1)
    assert read_times(both, theirs, {HOST: ""}, TIMES.expires) is None
    after = stored(both, change(both, theirs, [NEW_LOGIN], TIMES.expires))

    assert set(auths(after)) == {HOST}


def test_a_secret_without_an_owner_gets_one() -> None:
    """One that was applied by hand is taken over, with its registries."""
    mine = replace(TARGET, owner="ECRPullSecret/a")
    there = stored(make(TARGET, [LOGIN, OTHER_LOGIN]))
    after = stored(there, change(there, mine, [LOGIN], NOW))

    assert {key: one.owner for key, one in record.read(after["metadata"]).items()} == {
        HOST: "ECRPullSecret/a"
    }
    assert set(auths(after)) == {HOST}


@pytest.mark.parametrize(
    "text", ["", "x", "[]", "null", '{"a": 1}', '{"a": {"owner": ""}}', "[" * 100_000]
)
def test_an_edited_record_is_no_record(text: str) -> None:
    """The login is written again, and what it named is left as that of others."""
    there = stored(make(TARGET, [LOGIN, OTHER_LOGIN]))
    there["metadata"]["annotations"][names.LOGINS] = text

    assert read_times(there, TARGET, {HOST: ""}, NOW) is None
    after = stored(there, change(there, TARGET, [LOGIN], NOW))
    assert set(auths(after)) == {HOST, OTHER_HOST}
    assert read_times(after, TARGET, {HOST: ""}, NOW)
    assert removal(there, TARGET) is None
