"""Facts about finding out why the kubelet gets no credentials, and running plugins as it does."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.kubernetes.node import check, trial
from docker_credential_ecrpy.kubernetes.node.config.images import list_patterns
from docker_credential_ecrpy.kubernetes.node.config.schema import Provider
from docker_credential_ecrpy.kubernetes.node.flags import KubeletFlags
from docker_credential_ecrpy.text import secrets
from tests.world.kubelet_configs import EKS, WITH_COMMENTS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the kubelet of a node is on Linux")
HOST = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
IMAGE = f"{HOST}/team/app"
V1 = "credentialprovider.kubelet.k8s.io/v1"
PASSWORD = "the-password-of-the-plugin"
ANSWER = {
    "kind": "CredentialProviderResponse",
    "apiVersion": V1,
    "cacheKeyType": "Registry",
    "cacheDuration": "6h0m0s",
    "auth": {HOST: {"username": "AWS", "password": PASSWORD}},
}


def make_provider(name: str = "plugin", **changes: Any) -> Provider:
    fields: dict[str, Any] = {
        "name": name,
        "match_images": tuple(list_patterns()),
        "api_version": V1,
        "default_cache_duration": "12h",
        "args": (),
        "env": (),
        "token": None,
        **changes,
    }
    return Provider(**fields)


def plugin(directory: Path, script: str) -> str:
    """Write a plugin; return its directory."""
    file = directory / "plugin"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return str(directory)


def answer(directory: Path, fields: object, **changes: Any) -> trial.Answer:
    """Return the answer of a plugin that prints some JSON."""
    (directory / "answer.json").write_text(json.dumps(fields))
    at = plugin(directory, f"cat > '{directory}/request.json'; cat '{directory}/answer.json'")
    return trial.run_plugin(make_provider(**changes), at, IMAGE, {"PATH": "/usr/bin:/bin"})


@pytest.mark.parametrize(
    ("text", "image"),
    [
        (f"{HOST}/team/app:1", IMAGE),
        (f"{HOST}/team/app@sha256:{'0' * 64}", IMAGE),
        (f"{HOST}/team/app:1@sha256:{'0' * 64}", IMAGE),
        (f"{HOST}:443/team/app:1", f"{HOST}:443/team/app"),
        ("nginx", "docker.io/library/nginx"),
        ("nginx:1.27", "docker.io/library/nginx"),
        ("team/app", "docker.io/team/app"),
        ("localhost/app", "localhost/app"),
    ],
)
def test_images_are_named_as_the_kubelet_names_them(text: str, image: str) -> None:
    """With the registry, without tag and digest."""
    assert check.normalize_image(text) == image


def test_an_answer_is_decoded(tmp_path: Path) -> None:
    """The user name and the duration are shown, and the password is known as a secret."""
    found = answer(tmp_path, ANSWER)
    assert (found.user, found.cached, found.cache_key_type) == ("AWS", "6h0m0s", "Registry")
    request = json.loads((tmp_path / "request.json").read_text())
    assert request == {"kind": "CredentialProviderRequest", "apiVersion": V1, "image": IMAGE}
    assert secrets.redact(PASSWORD) == secrets.MARK


def test_an_answer_without_a_duration_is_cached_by_default(tmp_path: Path) -> None:
    """The configuration's default counts."""
    fields = {key: value for key, value in ANSWER.items() if key != "cacheDuration"}
    assert answer(tmp_path, fields).cached == "12h"


@pytest.mark.parametrize("auth", [None, {}], ids=["null", "empty"])
def test_an_answer_may_have_no_credentials(tmp_path: Path, auth: object) -> None:
    """The kubelet then pulls anonymously."""
    assert answer(tmp_path, ANSWER | {"auth": auth}).user == ""


REFUSED = {
    "unknown field": (ANSWER | {"expires": "x"}, "unknown field expires"),
    "kind": (ANSWER | {"kind": "Response"}, "its kind is not CredentialProviderResponse"),
    "version": (ANSWER | {"apiVersion": V1 + "beta1"}, f"its apiVersion is not {V1}"),
    "no key type": (ANSWER | {"cacheKeyType": None}, "its cacheKeyType is not Image, Registry"),
    "key type": (ANSWER | {"cacheKeyType": "registry"}, "its cacheKeyType is not"),
    "duration": (ANSWER | {"cacheDuration": "6 hours"}, "its cacheDuration is not a duration"),
    "number": (ANSWER | {"cacheDuration": 21600}, "its cacheDuration is not a duration"),
    "list": ([ANSWER], "it is not one JSON object"),
    "auth": (ANSWER | {"auth": []}, "its auth is not an object"),
    "login": (ANSWER | {"auth": {HOST: "x"}}, "a value of auth is not a username and a password"),
    "more": (ANSWER | {"auth": {HOST: {"username": "a", "token": "b"}}}, "a value of auth is not"),
    "other host": (
        ANSWER | {"auth": {"gcr.io": ANSWER["auth"][HOST]}},  # type: ignore[index]  # a mapping
        "its credentials are for gcr.io, which does not match the image",
    ),
}


@pytest.mark.parametrize(("fields", "problem"), REFUSED.values(), ids=REFUSED)
def test_an_answer_that_the_kubelet_refuses_is_an_error(
    tmp_path: Path, fields: object, problem: str
) -> None:
    """The kubelet's log hides the cause, since it could hold credentials; this names it."""
    with pytest.raises(HelperError) as error:
        answer(tmp_path, fields)
    assert error.value.message.startswith("the kubelet refuses the plugin's answer: ")
    assert problem in error.value.message


BROKEN = {
    "text before": ("echo hello; echo '{}'", "it is not one JSON object"),
    "nothing": ("true", "it is not one JSON object"),
    "twice": ("""echo '{"kind": "a", "kind": "b"}'""", "the key 'kind' occurs twice"),
    "failure": ("echo 'no credentials; log in' >&2; exit 1", "exit code 1: no credentials; log in"),
    "silent failure": ("exit 3", "failed with exit code 3: it says nothing"),
    "signal": ("kill -9 $$", "was killed by a signal (9"),
}


@pytest.mark.parametrize(("script", "problem"), BROKEN.values(), ids=BROKEN)
def test_a_plugin_that_fails_is_an_error(tmp_path: Path, script: str, problem: str) -> None:
    """What it says on standard error is what the kubelet would log."""
    with pytest.raises(HelperError) as error:
        trial.run_plugin(make_provider(), plugin(tmp_path, script), IMAGE, {"PATH": "/bin"})
    assert problem in error.value.message


def test_a_plugin_that_hangs_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the kubelet's time limit, which is a minute."""
    assert trial.SECONDS == 60
    monkeypatch.setattr(trial, "SECONDS", 0.2)
    with pytest.raises(HelperError, match="has not ended after 0 s, when the kubelet kills it"):
        trial.run_plugin(make_provider(), plugin(tmp_path, "sleep 60"), IMAGE, {"PATH": "/bin"})


@pytest.mark.parametrize("stream", [">/dev/null", "2>/dev/null"])
def test_a_process_that_holds_the_output_is_an_error(tmp_path: Path, stream: str) -> None:
    """The kubelet would wait for it, after an answer that is right."""
    at = plugin(tmp_path, f"sleep 30 {stream} &\nprintf '%s' '{json.dumps(ANSWER)}'")
    began = time.monotonic()
    with pytest.raises(HelperError, match="a process that it left holds its output"):
        trial.run_plugin(make_provider(), at, IMAGE, {"PATH": "/usr/bin:/bin"})
    assert time.monotonic() - began < 20


def test_a_plugin_that_cannot_start_is_an_error(tmp_path: Path) -> None:
    """Not executable: the file and what to do."""
    at = plugin(tmp_path, "true")
    (tmp_path / "plugin").chmod(0o644)
    with pytest.raises(HelperError, match="the plugin cannot be run: ") as error:
        trial.run_plugin(make_provider(), at, IMAGE, {})
    assert "chmod" in str(error.value)


def test_a_plugin_gets_the_environment_of_the_kubelet(tmp_path: Path) -> None:
    """The variables of the configuration win, and there is no other one."""
    at = plugin(tmp_path, f"env > '{tmp_path}/env'; exit 1")
    provider = make_provider(env=(("AWS_PROFILE", "prod"),))
    with pytest.raises(HelperError):
        trial.run_plugin(
            provider, at, IMAGE, {"PATH": "/usr/bin:/bin", "AWS_PROFILE": "x", "A": "b"}
        )
    found = (tmp_path / "env").read_text().splitlines()
    assert {"AWS_PROFILE=prod", "A=b", "PATH=/usr/bin:/bin"} <= set(found)
    assert not [line for line in found if line.startswith("HOME=")]


def test_secrets_of_the_environment_are_not_shown(tmp_path: Path) -> None:
    """Another plugin may print what the kubelet's environment has."""
    at = plugin(tmp_path, 'echo "key $AWS_SECRET_ACCESS_KEY is wrong" >&2; exit 1')
    environ = {"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "a-secret/of+the-kubelet"}
    with pytest.raises(HelperError) as error:
        trial.run_plugin(make_provider(), at, IMAGE, environ)
    assert error.value.message.endswith(f"key {secrets.MARK} is wrong")


def test_a_directory_is_loaded_as_the_kubelet_loads_it(tmp_path: Path) -> None:
    """All of .json, .yaml and .yml in order; backups and records are no configuration."""
    (tmp_path / "b.json").write_bytes(EKS)
    (tmp_path / "a.yml").write_bytes(WITH_COMMENTS)
    for name in ("a.yml.before-ecrpy", "b.json.ecrpy-install", "c.bak"):
        (tmp_path / name).write_text("no configuration")
    (tmp_path / "d.json").mkdir()
    names = [each.name for each in check.load_providers(str(tmp_path))]
    assert names == ["gcr-credential-provider", "ecr-credential-provider"]
    (tmp_path / "c.yaml").write_bytes(WITH_COMMENTS)
    with pytest.raises(HelperError, match="'gcr-credential-provider' is in another file, too"):
        check.load_providers(str(tmp_path))


def test_a_configuration_that_is_missing_is_an_error(tmp_path: Path) -> None:
    """A file, or all files of a directory: the kubelet does not start."""
    with pytest.raises(HelperError, match=r"there is no configuration at .*/config\.yaml"):
        check.load_providers(str(tmp_path / "config.yaml"))
    with pytest.raises(HelperError, match=r"has no \.json, \.yaml or \.yml file"):
        check.load_providers(str(tmp_path))


def test_several_problems_are_counted(tmp_path: Path) -> None:
    """The first one is named."""
    file = tmp_path / "config.json"
    file.write_bytes(EKS.replace(b"matchImages", b"match").replace(b"12h", b"x"))
    with pytest.raises(HelperError, match="unknown field"):
        check.load_providers(str(file))
    file.write_bytes(EKS.replace(b"12h", b"x").replace(b'Provider",', b'Provider","x":1,', 1))
    file.write_bytes(EKS.replace(b"12h", b"x").replace(b"/v1", b"/v9"))
    with pytest.raises(HelperError, match=r"\(and 2 more\)"):
        check.load_providers(str(file))


def test_a_provider_without_a_program_is_an_error(tmp_path: Path) -> None:
    """The kubelet does not start without it."""
    check.check_programs([make_provider()], plugin(tmp_path, "true"))
    with pytest.raises(HelperError, match="program of provider other is missing"):
        check.check_programs([make_provider("other")], str(tmp_path))


UNMATCHED = {
    "port": (
        f"{HOST}:443/a",
        "nearest is *.dkr.ecr.*.amazonaws.com: the image has port 443, and the pattern has no port",
        f"leave :443 out of the image's name, or add --match-image {HOST}:443",
    ),
    "not ECR": ("gcr.io/a", "nearest is ", "this is no host of ECR: add --match-image for it"),
}


@pytest.mark.parametrize(("image", "why", "hint"), UNMATCHED.values(), ids=UNMATCHED)
def test_an_image_without_a_pattern_is_explained(image: str, why: str, hint: str) -> None:
    """By the nearest pattern, and what differs; and by what to do."""
    assert check.find_matches([make_provider()], image) == []
    error = check.explain_no_match([make_provider()], image)
    assert error.message.startswith(f"the plugin is not invoked: no pattern matches {image}; ")
    assert why in error.message
    assert (error.hint or "").startswith(hint)


def test_a_missing_form_of_host_is_explained() -> None:
    """The patterns of old nodes lack FIPS hosts: the command that adds them is named."""
    provider = make_provider(match_images=("*.dkr.ecr.*.amazonaws.com",))
    error = check.explain_no_match([provider], f"{HOST.replace('ecr', 'ecr-fips')}/a")
    assert "'ecr-fips' is not 'ecr'" in error.message
    assert "kubelet config" in (error.hint or "")


def test_a_pattern_that_the_kubelet_cannot_match_is_no_match() -> None:
    """It is valid at the start, and matches nothing."""
    provider = make_provider(match_images=("reg[.io", "*.dkr.ecr.*.amazonaws.com"))
    (found,) = check.find_matches([provider], IMAGE)
    assert found.pattern == "*.dkr.ecr.*.amazonaws.com"


def test_the_environment_is_that_of_the_running_kubelet(tmp_path: Path) -> None:
    """Or without one, what systemd gives to a service."""
    (tmp_path / "proc/7").mkdir(parents=True)
    (tmp_path / "proc/7/environ").write_bytes(b"PATH=/bin\0A=b\0")
    found = check.find_environ([running()], str(tmp_path))
    assert found == ({"PATH": "/bin", "A": "b"}, "that of the running kubelet (process 7)")
    assert check.find_environ([]) == (check._PATH, "PATH alone, as systemd's")


def running(config: str = "/etc/config.json", bin_dir: str = "/bin") -> KubeletFlags:
    return KubeletFlags("the running kubelet (process 7)", config, bin_dir, 7)


@pytest.fixture(name="root")
def _root(tmp_path: Path) -> Path:
    """A node that started at 1000, and its kubelet 50 seconds later."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/config.json").write_bytes(EKS)
    (tmp_path / "proc/7").mkdir(parents=True)
    (tmp_path / "proc/stat").write_text("cpu 1 2 3\nbtime 1000\n")
    ticks = 50 * os.sysconf("SC_CLK_TCK")
    fields = ["7", "(kubelet (x) y)", "S", *["0"] * 18, str(ticks), "0"]
    (tmp_path / "proc/7/stat").write_text(" ".join(fields))
    os.utime(tmp_path / "etc/config.json", (1050, 1050))
    return tmp_path


NOT_LOADED = {
    "no flags": (running("", ""), "has no --image-credential-provider-config", "add the flags"),
    "one flag": (
        running(bin_dir=""),
        "has no --image-credential-provider-bin-dir",
        "add the flags",
    ),
    "another file": (running("/other.yaml"), "reads /other.yaml", "check that one"),
}


@pytest.mark.parametrize(("flags", "why", "hint"), NOT_LOADED.values(), ids=NOT_LOADED)
def test_a_kubelet_that_reads_another_file_is_explained(
    root: Path, flags: KubeletFlags, why: str, hint: str
) -> None:
    """A plugin that works by hand is not invoked then."""
    error = check.explain_not_loaded([flags], str(root / "etc/config.json"), str(root))
    assert error is not None
    assert error.message.startswith("the plugin is not invoked: the running kubelet (process 7) ")
    assert why in error.message
    assert (error.hint or "").startswith(hint)


def test_a_kubelet_that_started_before_the_file_is_explained(root: Path) -> None:
    """It reads a file or a directory when it starts, and not again."""
    file = root / "etc/config.json"
    assert check.explain_not_loaded([running()], str(file), str(root)) is None
    assert check.explain_not_loaded([], str(file), str(root)) is None
    os.utime(file, (1060, 1060))
    for config in (file, file.parent):
        flags = running("/" + str(config.relative_to(root)))
        error = check.explain_not_loaded([flags], str(config), str(root))
        assert error is not None
        assert error.hint == "restart the kubelet"
