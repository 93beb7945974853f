"""Facts about edits of whatever decides an identity: a get never uses the token of another.

The helper runs in this process, with a real AWS SDK and a loopback AWS. An oracle reads the files
and variables as the SDK would, and says which identity they choose now.

The edits are drawn by a seed. DECIDING_EDITS sets their number, DECIDING_SEED the first seed; a
failure says which edits led to it.
"""

import configparser
import hashlib
import json
import os
import random
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import pytest
from botocore.utils import ContainerMetadataFetcher

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import identity
from tests.world import in_process
from tests.world.aws import ACCOUNT
from tests.world.naming_aws import NamingAws
from tests.world.web import WebServer

EDITS = int(os.environ.get("DECIDING_EDITS", "300"))
SEED = int(os.environ.get("DECIDING_SEED", "0"))
STEPS = 30
SSO_FILE = f"sso/cache/{hashlib.sha1(b'corp').hexdigest()}.json"
ROLES = tuple(f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("one", "two"))
PROFILES = (
    *("static", "stored", "role", "chain", "ecs", "ec2", "tool", "script", "shell", "web", "sso"),
    "of-sso",
)
OURS = f"AWS_ECR_PROFILE_{ACCOUNT}"
HOW = ("in place", "replaced", "same times", "replaced, same times", "behind a link", "touched")
Chosen = set[str | None]
"""The ARNs that may call ECR now; None for an error."""
Edit = TypeVar("Edit", bound=Callable[..., None])
BOTH = (0, 1)
RULES: list[tuple[str, dict[str, Sequence[object]]]] = []
"""Each edit: its method, and the values of its parameters."""


def edit(**values: Sequence[object]) -> Callable[[Edit], Edit]:
    """Return a decorator for an edit with some values for each parameter."""

    def register(method: Edit) -> Edit:
        RULES.append((method.__name__, values))
        return method

    return register


class Sources:
    """A machine whose files, programs, sessions and variables change between two gets."""

    aws: NamingAws
    server: WebServer

    def __init__(self) -> None:
        self.folder = TemporaryDirectory()
        self.root = Path(self.folder.name)
        self.asides = 0
        self.machine = 0
        self.real_machine = identity.machine

        def machine(environ: Mapping[str, str]) -> str:
            assert environ
            return f"m{self.machine}"

        identity.machine = machine
        self.users = [self.aws.user(f"user{number}") for number in range(8)]
        self.environ = {
            "HOME": str(self.root / "home0"),
            "PATH": f"{self.root}/bin0:{self.root}/bin1:/usr/bin:/bin",
            "AWS_ECR_CACHE_DIR": str(self.root / "cache"),
            "AWS_ENDPOINT_URL": self.server.url,
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.server.url,
        }

    def end(self) -> None:
        identity.machine = self.real_machine
        self.folder.cleanup()

    # --- the edits ----------------------------------------------------------------------------

    def begin(self) -> None:
        for name in (
            "bin0",
            "bin1",
            "aws0/sso/cache",
            "aws1/sso/cache",
            "home0/.ecr",
            "home1/.ecr",
        ):
            (self.root / name).mkdir(parents=True)
        for number in range(2):
            self._point_home(number, number)
            self.write_config(number, number, 0, "in place")
            self.write_stored(number, number, "in place")
            self.log_in(number, number, "in place")
        self.write_keys(0, "in place")
        self.write_script(0, "in place")
        self.write_tool(1, 0, "in place")
        self.write_token("web", 0, "in place")
        self.write_token("pod", 0, "in place")
        self.use_machine(0)

    @edit(where=BOTH, user=BOTH, role=BOTH, how=HOW)
    def write_config(self, where: int, user: int, role: int, how: str) -> None:
        keys, root = self.users[user], self.root
        sections = {
            "static": f"aws_access_key_id = {keys.access_key}\n"
            f"aws_secret_access_key = {keys.secret_key}",
            "role": f"role_arn = {ROLES[role]}\nsource_profile = static",
            "chain": f"role_arn = {ROLES[1 - role]}\nsource_profile = role",
            "ecs": f"role_arn = {ROLES[role]}\ncredential_source = EcsContainer",
            "ec2": f"role_arn = {ROLES[role]}\ncredential_source = Ec2InstanceMetadata",
            "tool": f"credential_process = keys-tool --keys={root}/keys",
            "script": f"credential_process = sh {root}/script",
            "shell": f'credential_process = sh -c "cat {root}/keys"',
            "web": f"role_arn = {ROLES[role]}\nweb_identity_token_file = {root}/web",
            "sso": "sso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Dev",
            "of-sso": f"role_arn = {ROLES[role]}\nsource_profile = sso",
        }
        text = "".join(f"[profile {name}]\n{lines}\n" for name, lines in sections.items())
        text += "[sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://x.test\n"
        self._write(root / f"aws{where}" / "config", text, how)

    @edit(where=BOTH, user=(2, 3), how=HOW)
    def write_stored(self, where: int, user: int, how: str) -> None:
        keys = self.users[user]
        text = f"[stored]\naws_access_key_id = {keys.access_key}\n"
        text += f"aws_secret_access_key = {keys.secret_key}\n"
        self._write(self.root / f"aws{where}" / "credentials", text, how)

    @edit(where=BOTH, user=(0, 1, 2), how=HOW)
    def log_in(self, where: int, user: int, how: str) -> None:
        """Log in as one of two users, or as one whose session is over."""
        token = f"sso-token-{user}"
        if user < 2:
            self.aws.users[token] = f"sso{user}"
        fields = {"accessToken": token, "expiresAt": "2999-01-01T00:00:00Z"}
        self._write(self.root / f"aws{where}" / SSO_FILE, json.dumps(fields), how)

    @edit(where=BOTH)
    def log_out(self, where: int) -> None:
        (self.root / f"aws{where}" / SSO_FILE).unlink(missing_ok=True)

    @edit(user=(4, 5), how=HOW)
    def write_keys(self, user: int, how: str) -> None:
        self._write(self.root / "keys", self.answer(user), how)

    @edit(user=(6, 7), how=HOW)
    def write_script(self, user: int, how: str) -> None:
        self._write(self.root / "script", f"echo '{self.answer(user)}'\n", how)

    @edit(where=BOTH, user=(0, 6, 7), how=HOW)
    def write_tool(self, where: int, user: int, how: str) -> None:
        """Write a program that prints the file of its argument, or a user's own keys."""
        line = f"echo '{self.answer(user)}'" if user else 'cat "${1#--keys=}"'
        self._write(self.root / f"bin{where}" / "keys-tool", f"#!/bin/sh\n{line}\n", how, 0o700)

    @edit(where=BOTH)
    def remove_tool(self, where: int) -> None:
        (self.root / f"bin{where}" / "keys-tool").unlink(missing_ok=True)

    @edit(where=BOTH, mode=(0o600, 0o700))
    def change_a_mode(self, where: int, mode: int) -> None:
        tool = self.root / f"bin{where}" / "keys-tool"
        if tool.exists():
            tool.chmod(mode)

    @edit(name=("web", "pod"), user=(0, 1, 2), how=HOW)
    def write_token(self, name: str, user: int, how: str) -> None:
        token = f"{name}-token-{user}"
        if user < 2:
            self.aws.users[token] = f"{name}{user}"
        self._write(self.root / name, token, how)

    @edit(home=BOTH, where=BOTH)
    def retarget(self, home: int, where: int) -> None:
        self._point_home(home, where)

    @edit(
        home=BOTH,
        text=(
            None,
            *(f'profile = "{name}"' for name in PROFILES),
            *(f'role_arn = "{role}"' for role in ROLES),
        ),
        how=HOW,
    )
    def write_a_rule(self, home: int, text: str | None, how: str) -> None:
        path = self.root / f"home{home}" / ".ecr" / "config.toml"
        if text is None:
            path.unlink(missing_ok=True)
        else:
            self._write(path, f'[[registry]]\nmatch = "*"\n{text}\n', how)

    @edit(number=BOTH)
    def use_machine(self, number: int) -> None:
        self.machine = number
        self.aws.instance_role = f"arn:aws:iam::{ACCOUNT}:role/machine{number}"

    @edit(number=BOTH)
    def use_home(self, number: int) -> None:
        self.environ["HOME"] = str(self.root / f"home{number}")

    @edit(number=BOTH)
    def use_path(self, number: int) -> None:
        folders = [f"{self.root}/bin{n}" for n in (number, 1 - number)]
        self.environ["PATH"] = ":".join([*folders, "/usr/bin", "/bin"])

    @edit(name=("AWS_PROFILE", OURS), value=(None, *PROFILES))
    def use_profile(self, name: str, value: str | None) -> None:
        self._set(name, value)

    @edit(user=(None, *BOTH))
    def use_keys(self, user: int | None) -> None:
        keys = None if user is None else self.users[user]
        self._set("AWS_ACCESS_KEY_ID", keys.access_key if keys else None)
        self._set("AWS_SECRET_ACCESS_KEY", keys.secret_key if keys else None)

    @edit(role=(None, *ROLES))
    def use_web_identity(self, role: str | None) -> None:
        self._set("AWS_ROLE_ARN", role)
        self._set("AWS_WEB_IDENTITY_TOKEN_FILE", role and str(self.root / "web"))

    @edit(by=(None, "file", "pod-token-0", "pod-token-1"))
    def use_container(self, by: str | None) -> None:
        url, token = f"{self.server.url}/container/v1", "AWS_CONTAINER_AUTHORIZATION_TOKEN"
        self._set("AWS_CONTAINER_CREDENTIALS_FULL_URI", by and url)
        self._set(token, by if by != "file" else None)
        self._set(f"{token}_FILE", str(self.root / "pod") if by == "file" else None)

    @edit(where=(None, *BOTH))
    def name_the_files(self, where: int | None) -> None:
        folder = None if where is None else str(self.root / f"aws{where}")
        self._set("AWS_CONFIG_FILE", folder and f"{folder}/config")
        self._set("AWS_SHARED_CREDENTIALS_FILE", folder and f"{folder}/credentials")

    # --- the get ------------------------------------------------------------------------------

    def check(self, done: str) -> None:
        """Check that a get has the identity of now, and that the next one has the same token."""
        expected, secret = self._expected(), self.get()

        assert (self.aws.issued[secret].arn if secret else None) in expected, done
        if secret:
            assert self.get() == secret, f"the SDK's own writes are no edit: {done}"

    def get(self) -> str:
        try:
            return str(json.loads(in_process.get(self.environ))["Secret"])
        except HelperError:
            return ""

    # --- what is expected ---------------------------------------------------------------------

    def _expected(self) -> Chosen:
        environ, home = self.environ, Path(self.environ["HOME"])
        self.profiles = configparser.RawConfigParser()
        for name, variable in (
            ("config", "AWS_CONFIG_FILE"),
            ("credentials", "AWS_SHARED_CREDENTIALS_FILE"),
        ):
            self.profiles.read(environ.get(variable) or home / ".aws" / name)
        ours, role = environ.get(OURS, ""), ""
        settings = home / ".ecr" / "config.toml"
        if not ours and settings.exists():
            key, _, value = settings.read_text().splitlines()[-1].partition(" = ")
            ours, role = (value.strip('"'), "") if key == "profile" else ("", value.strip('"'))
        if not role:
            return self._ambient(ours)
        assumed = self._assume(role)
        return {assumed if source else None for source in self._ambient("")}

    def _ambient(self, ours: str) -> Chosen:
        environ = self.environ
        if not ours and (key := environ.get("AWS_ACCESS_KEY_ID")):
            return {self.aws.keys[key].arn}
        name = ours or environ.get("AWS_PROFILE", "")
        # A web identity of the environment wins over every profile but one with a role.
        by_role = name in ("role", "chain", "ecs", "ec2", "of-sso")
        if not ours and not by_role and "AWS_WEB_IDENTITY_TOKEN_FILE" in environ:
            return {self._web(environ["AWS_ROLE_ARN"])}
        if name:
            return self._profile(name)
        if "AWS_CONTAINER_CREDENTIALS_FULL_URI" in environ:
            return {self._container()}
        return {self._assume(f"machine{self.machine}")}

    def _profile(self, name: str) -> Chosen:
        fields = self.profiles[name if name == "stored" else f"profile {name}"]
        role = fields.get("role_arn", "")
        if name == "web":
            return {self._web(role)}
        if role:
            return self._role(fields, self._assume(role))
        if key := fields.get("aws_access_key_id"):
            return {self.aws.keys[key].arn}
        if command := fields.get("credential_process"):
            return {self._process(command)}
        return {self._sso()}

    def _role(self, fields: "configparser.SectionProxy", assumed: str) -> Chosen:
        """A role of an SSO session is used from the AWS CLI's cache, as the CLI does."""
        if source := fields.get("source_profile"):
            first = self._profile(source)
            return {assumed, None} if first == {None} else {assumed}
        if fields["credential_source"] == "EcsContainer":
            return {assumed if self._container() else None}
        return {assumed}

    def _assume(self, role: str) -> str:
        return self.aws.role_of(role.rpartition("/")[2])

    def _sso(self) -> str | None:
        path = Path(self.environ["HOME"]) / ".aws" / SSO_FILE
        token = json.loads(path.read_text())["accessToken"] if path.exists() else ""
        user = self.aws.users.get(token)
        return user and self.aws.role_of(f"Dev-{user}")

    def _web(self, role: str) -> str | None:
        user = self.aws.users.get((self.root / "web").read_text())
        return user and self._assume(f"{role}-{user}")

    def _container(self) -> str | None:
        token = "AWS_CONTAINER_AUTHORIZATION_TOKEN"
        path = self.environ.get(f"{token}_FILE")
        user = self.aws.users.get(Path(path).read_text() if path else self.environ.get(token, ""))
        return user and self._assume(f"task-{user}")

    def _process(self, command: str) -> str | None:
        if "keys-tool" in command:
            tool = shutil.which("keys-tool", path=self.environ["PATH"])
            text = Path(tool).read_text() if tool else ""
            answer = text.partition("'")[2] or (tool and (self.root / "keys").read_text())
        else:
            answer = (self.root / ("keys" if "cat" in command else "script")).read_text()
        fields = json.loads(answer[answer.index("{") : answer.index("}") + 1]) if answer else None
        return fields and self.aws.keys[fields["AccessKeyId"]].arn

    # --- files --------------------------------------------------------------------------------

    def answer(self, user: int) -> str:
        keys = self.users[user]
        return json.dumps(
            {
                "Version": 1,
                "AccessKeyId": keys.access_key,
                "SecretAccessKey": keys.secret_key,
            }
        )

    def _write(self, path: Path, text: str, how: str, mode: int = 0o600) -> None:
        before = path.stat() if path.exists() else None
        self.asides += 1
        aside = self.root / f"aside{self.asides}"
        if how == "touched":
            if before:
                os.utime(path)
                return
            how = "in place"
        if how in ("in place", "same times"):
            path.write_text(text)
        elif how == "behind a link":
            aside.write_text(text)
            aside.chmod(mode)
            path.unlink(missing_ok=True)
            path.symlink_to(aside)
        else:
            aside.write_text(text)
            aside.replace(path)
        path.chmod(mode)
        if before and "same times" in how:
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def file(self, name: str, text: str, mode: int = 0o600) -> Path:
        """Write a file, and return its path."""
        path = self.root / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def _point_home(self, home: int, where: int) -> None:
        link = self.root / f"home{home}" / ".aws"
        link.unlink(missing_ok=True)
        link.symlink_to(self.root / f"aws{where}")

    def _set(self, name: str, value: str | None) -> None:
        if value is None:
            self.environ.pop(name, None)
        else:
            self.environ[name] = value


@pytest.fixture(name="world")
def _world(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    aws = NamingAws(roles={})
    for role in ROLES:
        aws.role(role.rpartition("/")[2])
    # botocore would wait a second before each of three tries to ask a container's endpoint.
    monkeypatch.setattr(ContainerMetadataFetcher, "SLEEP_TIME", 0)
    with WebServer(aws.handle) as server:
        Sources.aws, Sources.server = aws, server
        yield


@pytest.mark.usefixtures("world")
def test_no_edit_leaves_another_identitys_token_in_use() -> None:
    """Whatever is edited, however, a get has the identity of now or the SDK's error."""
    for seed in range(SEED, SEED + max(EDITS // STEPS, 1)):
        dice, done, sources = random.Random(seed), [], Sources()
        try:
            sources.begin()
            sources.use_profile("AWS_PROFILE", dice.choice(PROFILES))
            for _ in range(STEPS):
                name, values = dice.choice(RULES)
                chosen = {key: dice.choice(some) for key, some in values.items()}
                done.append(f"{name}({chosen})")
                getattr(sources, name)(**chosen)
                sources.check(f"DECIDING_SEED={seed}: " + ", ".join(done))
        finally:
            sources.end()


# What is edited -> the profile in use, and the edit.
EACH: dict[str, tuple[str, Callable[[Sources], object]]] = {
    "keys in the config file": ("static", lambda s: s.write_config(0, 1, 0, "same times")),
    "keys in the credentials file": ("stored", lambda s: s.write_stored(0, 3, "same times")),
    "the role of a profile": ("role", lambda s: s.write_config(0, 0, 1, "same times")),
    "the first role of a chain": ("chain", lambda s: s.write_config(0, 0, 1, "same times")),
    "the file that a program's argument names": ("tool", lambda s: s.write_keys(5, "same times")),
    "the file that a shell's text names": ("shell", lambda s: s.write_keys(5, "same times")),
    "the script of a program": ("script", lambda s: s.write_script(7, "same times")),
    "the program itself": ("tool", lambda s: s.write_tool(1, 6, "same times")),
    "a program that comes first in PATH": ("tool", lambda s: s.write_tool(0, 6, "replaced")),
    "a web identity": ("web", lambda s: s.write_token("web", 1, "same times")),
    "the user of an SSO session": ("sso", lambda s: s.log_in(0, 1, "same times")),
    "a logout from an SSO session": ("sso", lambda s: s.log_out(0)),
    "the home directory": ("sso", lambda s: s.use_home(1)),
    "the target of ~/.aws": ("static", lambda s: s.retarget(0, 1)),
    "the machine": ("ec2", lambda s: s.use_machine(1)),
}


@pytest.fixture(name="sources")
def _sources(world: None) -> Iterator[Sources]:
    sources = Sources()
    sources.begin()
    yield sources
    sources.end()


@pytest.mark.parametrize("name", EACH, ids=EACH)
def test_each_edit_is_noticed(sources: Sources, name: str) -> None:
    """The next get after an edit calls AWS, or reports why there are no credentials."""
    profile, make = EACH[name]
    sources.use_profile("AWS_PROFILE", profile)
    sources.check("at first")
    first = sources.get()
    make(sources)

    sources.check(name)
    assert sources.get() != first


@pytest.mark.parametrize("profile", ["tool", "shell", "script", "web", "sso"])
def test_the_check_fails_without_inputs(
    sources: Sources, profile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above fails for a helper that ignores the inputs of its entries."""
    monkeypatch.setattr(identity, "find_changed", lambda *_: "")
    makes = [make for used, make in EACH.values() if used == profile]
    sources.use_profile("AWS_PROFILE", profile)
    sources.check("at first")
    makes[0](sources)

    with pytest.raises(AssertionError):
        sources.check("after an edit")


class TestWhatRemainsInvisible:
    """Edits that a get does not notice, as docs/credentials.md says."""

    def test_what_a_program_reads_by_itself(self, sources: Sources) -> None:
        """A file or variable that only a credential_process knows of is not noticed."""
        sources.file("script", 'cat "$KEYS"\n')
        sources.environ["KEYS"] = str(sources.file("mine", sources.answer(4)))
        sources.use_profile("AWS_PROFILE", "script")
        first = sources.get()
        sources.environ["KEYS"] = str(sources.file("yours", sources.answer(5)))

        assert sources.get() == first

    def test_a_new_role_of_this_machine(self, sources: Sources) -> None:
        """A role that is attached to the instance later is not noticed."""
        first = sources.get()
        sources.aws.instance_role = f"arn:aws:iam::{ACCOUNT}:role/another"

        assert sources.get() == first

    def test_another_role_behind_a_containers_address(self, sources: Sources) -> None:
        """Another task behind the same address, with the same authorization, is not noticed."""
        sources.use_container("pod-token-0")
        first = sources.get()
        sources.aws.users["pod-token-0"] = "another"

        assert sources.get() == first


def test_a_long_program_counts_by_its_metadata(sources: Sources) -> None:
    """Setting the time of a program back does not hide an edit: its ctime counts, too."""
    tool = sources.root / "bin1" / "keys-tool"
    long = "# " + "x" * (256 * 1024) + "\n"
    sources.file("bin1/keys-tool", f"#!/bin/sh\necho '{sources.answer(4)}'\n{long}", 0o700)
    sources.use_profile("AWS_PROFILE", "tool")
    first, before = sources.get(), tool.stat()
    time.sleep(0.05)
    sources.file("bin1/keys-tool", f"#!/bin/sh\necho '{sources.answer(5)}'\n{long}", 0o700)
    os.utime(tool, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert sources.get() != first
