"""What docs/recipes promise: each page's files and commands, taken out of the page, work.

Each page has a function here, with a parameter for each of its blocks, in order. A block whose
parameter begins with "_" is not run, and the page says so.
"""

import base64
import inspect
import json
import plistlib
import re
import shutil
import string
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hcl2
import pytest
import tree_sitter
import tree_sitter_groovy
import yaml
from check_jsonschema import main as check_jsonschema
from click.testing import CliRunner
from jsonschema import Draft7Validator  # type: ignore[import-untyped] # it ships no types

from docker_credential_ecrpy.kubernetes.pull_secrets.form import Form
from docker_credential_ecrpy.kubernetes.pull_secrets.spec import parse
from tests.world import bazel as bazel_client
from tests.world import credential_sources
from tests.world.accounts import profile, rule
from tests.world.aws import ACCOUNT
from tests.world.docker_host import DockerHost
from tests.world.documents import PAGES, Document, find_page
from tests.world.machine import HOST, NOT_FOUND, Machine, make_machine
from tests.world.recipe_host import BOTH, CI, ID_TOKEN, OTHER, PULLER, TEAM, RecipeHost
from tests.world.tree import REPOSITORY
from tests.world.web import Request, Response, WebServer

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

pytestmark = [
    pytest.mark.tree,
    pytest.mark.skipif(sys.platform == "win32", reason="the pages show a Unix system"),
]
SERVICE = 64001  # the uid of a CI system's agent
OF_OTHERS = {"github-actions"}  # pages that other tests run
PAGE = {
    page.path.stem: page
    for page in PAGES
    if page.name.startswith("docs/recipes/") and page.path.stem not in OF_OTHERS
}
MARK = "Not run here: "
USER = f"arn:aws:iam::{ACCOUNT}:user/dev"


@pytest.fixture(name="host")
def _host(machine: Machine, scripts: Path) -> Iterator[RecipeHost]:
    """A machine in a directory that users of services reach."""
    with tempfile.TemporaryDirectory(prefix="recipe-") as root:
        fresh = make_machine(machine.aws, machine.server, machine.authority, Path(root))
        yield RecipeHost(fresh, scripts)


def check_schema(name: str, text: str, folder: Path) -> None:
    """Fail unless a file has the form of a CI system's public schema."""
    path = folder / "checked.yaml"
    path.write_text(text)
    # The schema of Azure Pipelines has patterns that are no Unicode expressions of ECMAScript.
    options = ["--builtin-schema", f"vendor.{name}", "--regex-variant", "nonunicode"]
    done = CliRunner().invoke(check_jsonschema, [*options, str(path)])
    assert done.exit_code == 0, done.output


def read_hcl(text: str) -> Any:
    """Return a file of HCL, without the quotes and the notes of its parser."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {plain(k): plain(v) for k, v in value.items() if not k.startswith("__")}
        if isinstance(value, list):
            return [plain(each) for each in value]
        return value.strip('"') if isinstance(value, str) else value

    return plain(hcl2.loads(text))


# --- CI systems -------------------------------------------------------------------------------


def start_gitlab_job(host: RecipeHost, text: str) -> dict[str, str]:
    """Run a job as in a container of docker:28; return its variables."""
    job = yaml.safe_load(text)["build"]
    project = str(host.root / "builds" / "app")
    (token,) = job["id_tokens"]
    variables = {
        name: value.replace("$CI_PROJECT_DIR", project) for name, value in job["variables"].items()
    }
    variables |= {"CI_PROJECT_DIR": project, token: ID_TOKEN}
    lines = "\n".join([*job["before_script"], *job["script"]])
    host.run([*find_alpine_shell(), "-e", "-c", lines], variables)
    return variables


def find_alpine_shell() -> list[str]:
    found = shutil.which("busybox")
    return [found, "sh"] if found else ["/bin/sh"]


def follow_gitlab(host: RecipeHost, job: str, image: str, configure: str, runner: str) -> None:
    check_schema("gitlab-ci", job, host.root)
    start_gitlab_job(host, job)
    host.check(BOTH)
    # tests/e2e/test_image.py builds the image, in which nothing is installed.
    assert image.startswith(f"FROM {yaml.safe_load(job)['build']['image']}\nCOPY ")
    for name in ("apk", "pipx"):
        host.tool(name, "exit 1")
    start_gitlab_job(
        host,
        "".join(
            line for line in job.splitlines(keepends=True) if not re.search("- (apk|pipx)", line)
        ),
    )
    host.check(BOTH)
    # All is in the job's own directory, beside the checkout.
    assert [path.name for path in (*host.home.iterdir(), *host.work.iterdir())] == ["Dockerfile"]

    credential_sources.instance(host.machine)
    role = "arn:aws:sts::123456789012:assumed-role/instance/session"
    host.follow(configure)
    host.run(["docker", "pull", f"{HOST}/ci/base:1"])
    host.check({**BOTH, HOST: role})

    (settings,) = tomllib.loads(runner)["runners"]
    name, _, config = settings["environment"][0].partition("=")
    assert name == "DOCKER_AUTH_CONFIG"
    for registry, helper in json.loads(config)["credHelpers"].items():
        assert settings["docker"]["image"].startswith(f"{registry}/")
        answer = json.loads(host.run([f"docker-credential-{helper}", "get"], stdin=registry))
        assert host.machine.aws.issued[answer["Secret"]].arn == role


def follow_jenkins(host: RecipeHost, jenkinsfile: str) -> None:
    groovy = tree_sitter.Parser(tree_sitter.Language(tree_sitter_groovy.language()))
    assert not groovy.parse(jenkinsfile.encode()).root_node.has_error
    assert groovy.parse(jenkinsfile.replace("}", "", 1).encode()).root_node.has_error
    host.install()
    temporary = host.root / "app@tmp"
    secret = host.machine.file("app@tmp/secretFiles/id-token", ID_TOKEN)
    host.become(SERVICE)
    block = re.search(r"environment \{(.*?)\n {4}\}", jenkinsfile, re.DOTALL)
    assert block
    known = {"WORKSPACE": str(host.work), "WORKSPACE_TMP": str(temporary)}
    environ = {
        name: string.Template(value).substitute(known) if quote == '"' else value
        for name, quote, value in re.findall(r"(\w+) = (['\"])(.*)\2", block[1])
    }
    (variable,) = re.findall(r"variable: '(\w+)'", jenkinsfile)
    environ |= {variable: str(secret), "BUILD_NUMBER": "7"}
    for step in re.findall(r"\bsh '(.*)'", jenkinsfile):
        host.run(["/bin/sh", "-xe", "-c", step], environ)

    host.check(BOTH)
    assert host.uses[-1].arguments == ["push", f"{HOST}/team/app:7"]
    assert [path.name for path in (*host.home.iterdir(), *host.work.iterdir())] == ["Dockerfile"]


def follow_codebuild(host: RecipeHost, buildspec: str) -> None:
    spec = yaml.safe_load(buildspec)
    # https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html
    assert spec.keys() <= {
        "version",
        "run-as",
        "env",
        "proxy",
        "phases",
        "reports",
        "artifacts",
        "cache",
    }
    assert spec["version"] == 0.2
    assert [*spec["phases"]] == ["install", "build"]
    assert all([*phase] == ["commands"] for phase in spec["phases"].values())
    credential_sources.container(host.machine)
    lines = [line for phase in spec["phases"].values() for line in phase["commands"]]
    host.run(["/bin/sh", "-e", "-c", "\n".join(lines)], spec["env"]["variables"])

    role, _ = credential_sources.CREDENTIAL_SOURCES[credential_sources.container]
    host.check({**BOTH, HOST: role})


def follow_buildkite(host: RecipeHost, pipeline: str) -> None:
    check_schema("buildkite", pipeline, host.root)
    (step,) = yaml.safe_load(pipeline)["steps"]
    host.install()
    wanted = "oidc request-token --audience sts.amazonaws.com"
    host.tool("buildkite-agent", f'test "$*" = "{wanted}" && printf %s {ID_TOKEN}')
    temporary = host.root / "tmp"
    temporary.mkdir()
    host.become(SERVICE)
    # The agent replaces variables when it uploads the pipeline; $$ is one $.
    command = re.sub(r"\$\$|\$\{?\w+\}?", lambda found: "$" * (found[0] == "$$"), step["command"])
    host.run(["/bin/bash", "-e", "-c", command], step["env"] | {"TMPDIR": str(temporary)})

    host.check(BOTH)
    assert not [*host.home.iterdir(), *temporary.iterdir()]


def follow_circleci(host: RecipeHost, config: str) -> None:
    check_schema("circle-ci", config, host.root)
    job = yaml.safe_load(config)["jobs"]["build"]
    environ = job["environment"] | {
        "BASH_ENV": str(host.root / "bash-env"),
        "CIRCLE_OIDC_TOKEN_V2": ID_TOKEN,
    }
    (host.root / "bash-env").touch()
    for step in job["steps"]:
        if isinstance(step, dict):
            host.run(["/bin/bash", "-eo", "pipefail", "-c", step["run"]["command"]], environ)

    host.check(BOTH)


def follow_azure_devops(host: RecipeHost, pipeline: str) -> None:
    found = yaml.safe_load(pipeline)
    install, build = found["steps"]
    inputs = build["inputs"]
    # The schema has the tasks of Microsoft alone, and no task of an extension.
    inline = {"bash": inputs["inlineScript"], "displayName": build["displayName"]}
    check_schema("azure-pipelines", yaml.safe_dump(found | {"steps": [install, inline]}), host.root)
    # https://github.com/aws/aws-toolkit-azure-devops/blob/master/src/tasks/AWSShellScript/task.json
    assert build["task"] == "AWSShellScript@1"
    assert inputs.keys() == {"awsCredentials", "regionName", "scriptType", "inlineScript"}
    assert inputs["scriptType"] == "inline"

    environ = {
        name: value.replace("$(Agent.TempDirectory)", str(host.root / "_temp"))
        for name, value in found["variables"].items()
    }
    host.run(["/bin/bash", "--noprofile", "--norc", "-c", install["script"]], environ)
    keys = host.machine.aws.session("arn:aws:iam::123456789012:role/ci").environ
    environ |= {**keys, "AWS_REGION": inputs["regionName"]}
    shell = ["/bin/bash", "-c", inputs["inlineScript"]]
    host.run(shell, environ)
    host.check(BOTH)
    assert not list(host.home.iterdir())

    host.tool("docker", "exit 3")
    host.run(shell, environ, code=3)


def follow_kaniko(host: RecipeHost, dockerfile: str, config: str) -> None:
    # tests/e2e/test_image.py builds the image.
    host.install()
    keys = host.machine.aws.user()
    folder = re.search(r"(?m)^COPY config\.json (/\S+)/$", dockerfile)
    cache = re.search(r"(?m)^ENV AWS_ECR_CACHE_DIR=(\S+)$", dockerfile)
    assert folder
    assert cache
    path = host.machine.file(f"{folder[1][1:]}/config.json", config)
    environ = {"DOCKER_CONFIG": str(path.parent), "HOME": "/", **keys.environ}
    environ["AWS_ECR_CACHE_DIR"] = f"{host.root}{cache[1]}"
    environ[f"AWS_ECR_ROLE_ARN_{OTHER[:12]}"] = "arn:aws:iam::210987654321:role/ecr-puller"
    for _ in range(2):
        host.run(["docker", "build", "."], environ)

    host.check({HOST: keys.arn, OTHER: PULLER})
    assert host.machine.aws.count()["ecr"] == 2  # the cache is used


# --- tools ------------------------------------------------------------------------------------


def follow_argo_cd(host: RecipeHost, resource: str, application: str, once: str) -> None:
    crd = REPOSITORY / "deploy" / "kubernetes" / "pull-secrets" / "crds" / "ecrpullsecrets.yaml"
    schema = yaml.safe_load(crd.read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    found = yaml.safe_load(resource)
    Draft7Validator(schema).validate(found)
    assert found["spec"].keys() <= schema["properties"]["spec"]["properties"].keys()
    found["metadata"]["uid"] = "u-1"
    kept = parse(found, lambda name: name.replace("@", ".dkr.ecr.") + ".amazonaws.com")
    assert (kept.form, kept.namespace, kept.registries) == (Form.ARGO_CD, "argocd", (HOST,))

    host.install()
    host.machine.login()
    host.tool("kubectl", f'test "$*" = "apply -f -" && cat >"{host.root}/applied"')
    host.follow(once)
    secret = yaml.safe_load((host.root / "applied").read_text())
    assert secret["metadata"]["name"] == kept.name
    assert secret["metadata"]["namespace"] == found["metadata"]["namespace"]
    assert secret["metadata"]["labels"] == {"argocd.argoproj.io/secret-type": "repo-creds"}
    data = secret.get("stringData") or {
        name: base64.b64decode(text).decode() for name, text in secret["data"].items()
    }
    assert host.machine.aws.issued[data.pop("password")].arn == USER
    source = yaml.safe_load(application)["spec"]["source"]
    assert data == {
        "type": "helm",
        "enableOCI": "true",
        "url": source["repoURL"],
        "username": "AWS",
    }
    assert "/" not in source["repoURL"]  # a template of credentials is for what begins with its URL


def follow_terraform(host: RecipeHost, configure: str, files: str) -> None:
    host.install()
    host.machine.login()
    host.follow(configure)
    found = read_hcl(files)
    (provider,) = [each["docker"] for each in found["provider"]]
    for registry in provider["registry_auth"]:
        assert registry["config_file"] == "~/.docker/config.json"
        host.run(["docker", "pull", f"{registry['address']}/"])
    host.check(dict.fromkeys(BOTH, USER))
    (image,) = [each["docker_image"]["app"] for each in found["resource"]]
    assert image["name"] == TEAM


def follow_bazel(host: RecipeHost, bazelrc: str) -> None:
    host.install()
    host.machine.login()
    lines = re.findall(r"^common --credential_helper=(\S+)=(\S+)$", bazelrc, re.MULTILINE)
    assert [registry for registry, _ in lines] == [HOST, OTHER]
    for registry, name in lines:
        request = bazel_client.make_request(f"https://{registry}/v2/team/app/manifests/1")
        command = [str(host.bin / name)]
        done = host.machine.run("get", stdin=request, command=command, environ=host.environ)
        assert bazel_client.decode(done).login[1] in host.machine.aws.issued


def follow_nomad(host: RecipeHost, docker_json: str, client: str, job: str) -> None:
    host.install()
    credential_sources.instance(host.machine)
    (plugin,) = [each["docker"] for each in read_hcl(client)["plugin"]]
    assert json.dumps(plugin).count("/etc/nomad.d/docker.json") == 1
    assert TEAM in json.dumps(read_hcl(job))
    # https://github.com/hashicorp/nomad/blob/main/drivers/docker/utils.go
    helpers = json.loads(docker_json)["credHelpers"]
    assert helpers.keys() == BOTH.keys()
    cache = host.root / "var" / "cache" / "ecr"
    cache.parent.mkdir(parents=True)
    service = {"HOME": None, "AWS_ECR_CACHE_DIR": str(cache)}
    for registry, helper in helpers.items():
        printed = host.run([f"docker-credential-{helper}", "get"], service, stdin=registry)
        answer = json.loads(printed)
        assert all(isinstance(value, str) for value in answer.values())
        assert answer["Secret"] in host.machine.aws.issued
    assert host.machine.aws.count()["ecr"] == 1

    # Why the page has no `helper` for all images, and why a service without HOME needs the cache.
    get = ["docker-credential-ecr-login", "get"]
    assert host.run(get, service, code=1, stdin="docker.io").encode() == NOT_FOUND
    for _ in range(2):
        host.run(get, {"HOME": None}, stdin=HOST)
    assert host.machine.aws.count()["ecr"] == 3


def follow_apple_container(host: RecipeHost, plist: str, _start: str) -> None:
    found = plistlib.loads(plist.encode())
    assert f"{found['Label']}.plist" in _start
    # A token is renewed at half of its life, by the next run at the latest.
    assert found["RunAtLoad"] is True
    assert 6 * 3600 + found["StartInterval"] <= 10 * 3600
    host.install()
    logins = host.root / "logins"
    host.tool("container", f'echo "$*" >>"{logins}"; cat >>"{logins}"; echo >>"{logins}"')
    environ = found["EnvironmentVariables"]
    environ["PATH"] = environ["PATH"].replace("/usr/local/bin", str(host.bin))
    keys = host.machine.aws.user()
    lost = host.machine.aws.user("lost")
    host.machine.config(profile("prod", keys) + profile("lost", lost))
    host.run(found["ProgramArguments"], environ)
    lines = logins.read_text().splitlines()
    command = "registry login --username AWS --password-stdin"
    assert lines[::2] == [f"{command} {registry}" for registry in BOTH]
    assert {host.machine.aws.issued[token].arn for token in lines[1::2]} == {keys.arn}

    # One that fails is no login, and does not keep the others from theirs.
    logins.unlink()
    host.machine.aws.denied.add((lost.arn, "ecr:GetAuthorizationToken"))
    host.machine.settings(rule(ACCOUNT, profile="lost"))
    host.run(found["ProgramArguments"], environ, code=1)
    assert logins.read_text().splitlines()[::2] == [f"{command} {OTHER}"]


def follow_compose(host: RecipeHost, commands: str, file: str) -> None:
    check_schema("compose-spec", file, host.root)
    host.install()
    host.machine.login()
    (host.work / "compose.yaml").write_text(file)
    host.follow(commands)

    assert [use.arguments[:2] for use in host.uses] == [["compose", "pull"], ["compose", "up"]]
    host.check(dict.fromkeys(BOTH, USER))


def follow_devcontainers(host: RecipeHost, outside: str, both: str) -> None:
    keys = host.machine.aws.user()
    host.machine.config(profile("prod", keys))
    host.install()
    for text in (outside, both):
        found = json.loads(text)
        host.run(["/bin/sh", "-c", found["initializeCommand"]], {"AWS_PROFILE": "prod"})
        host.run(["docker", "pull", found["image"]], {"AWS_PROFILE": "prod"})
    host.check({HOST: keys.arn})

    found = json.loads(both)
    (mount,) = found["mounts"]
    parts = dict(part.split("=", 1) for part in mount.split(","))
    home = host.root / parts["target"].lstrip("/").removesuffix("/.aws")
    source = parts["source"].replace("${localEnv:HOME}", str(host.home))
    shutil.copytree(source, home / ".aws")
    for name in ("docker-credential-ecrpy", "docker-credential-ecr-login"):
        (host.bin / name).unlink()  # the container has none
    inside = {**found["remoteEnv"], "HOME": str(home)}
    host.run(["/bin/sh", "-c", found["postCreateCommand"]], inside)
    host.run(["docker", "push", found["image"]], inside)
    host.check({HOST: keys.arn})
    assert host.uses[-1].environ["HOME"] == str(home)


class Engine:
    """Docker's engine, as far as one container needs it. logins: those that came with pulls."""

    def __init__(self) -> None:
        self.logins: list[dict[str, str]] = []

    def handle(self, request: Request) -> Response:
        what = re.sub(r"^/v[\d.]+", "", request.path)
        if (request.method, what) == ("POST", "/images/create"):
            text = request.headers["X-Registry-Auth"]
            self.logins.append(json.loads(base64.urlsafe_b64decode(text)))
            return Response()
        if not self.logins and what.startswith(("/images/", "/containers/")):
            return self.say({"message": "No such image"}, 404)
        return self.say({"Id": "sha256:0123", "ApiVersion": "1.45", "State": {}, "Config": {}})

    def say(self, answer: object, status: int = 200) -> Response:
        return Response(status, json.dumps(answer).encode(), {"Content-Type": "application/json"})


def follow_testcontainers(host: RecipeHost, configure: str, test: str) -> None:
    host.install()
    host.machine.login()
    host.follow(configure)
    engine = Engine()
    with WebServer(engine.handle) as server:
        where = f"tcp://127.0.0.1:{server.port}"
        environ = {"DOCKER_HOST": where, "TESTCONTAINERS_RYUK_DISABLED": "true"}
        printed = host.run([sys.executable, "-c", test], environ)

    assert "0123" in printed
    (login,) = engine.logins
    assert host.machine.aws.issued[login["Password"]].arn == USER


RECIPES: dict[str, Callable[..., None]] = {
    name.removeprefix("follow_").replace("_", "-"): function
    for name, function in list(globals().items())
    if name.startswith("follow_")
}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_works(host: RecipeHost, name: str) -> None:
    """Its files are of the system's form, and each registry gets the token of its identity."""
    RECIPES[name](host, *(block.text for block in find_page(f"recipes/{name}").fences))


def test_every_page_is_tested() -> None:
    """No page is without a test, and no test without a page."""
    assert {*PAGE} == {*RECIPES, "index"}


@pytest.mark.parametrize("page", [PAGE[name] for name in RECIPES], ids=RECIPES)
def test_a_page_says_what_is_not_run(page: Document) -> None:
    """Each block has a parameter, or the mark below it; none has a login, or a real registry."""
    _, *parameters = inspect.signature(RECIPES[page.path.stem]).parameters
    parts = page.text.split("```")[2::2]

    assert len(page.fences) == len(parameters) == len(parts)
    for name, below in zip(parameters, parts, strict=True):
        assert not name.startswith("_") or below.strip().startswith(MARK)
    assert MARK in page.text
    assert "if-it-fails" in page.anchors
    assert not re.search(r"docker log(in|out)", "".join(block.text for block in page.fences))
    assert {*re.findall(r"\b\d{12}\b", page.text)} <= {ACCOUNT, OTHER[:12]}


def test_a_job_outlives_its_token(host: RecipeHost) -> None:
    """Its last command gets a new token after the first one has expired."""
    job, *_ = find_page("recipes/gitlab").fences
    host.machine.aws.token_life = 2
    variables = start_gitlab_job(host, job.text)
    first = host.uses[-1].answers[HOST]["Password"]
    time.sleep(max(0.0, host.machine.aws.issued[first].expires - time.time()))
    host.run(["docker", "push", TEAM], variables)

    second = host.uses[-1].answers[HOST]["Password"]
    assert first != second
    assert host.machine.aws.issued[second].arn == CI


def test_three_lines_are_enough(host: RecipeHost) -> None:
    """Elsewhere, with keys in the environment and a role for the other account."""
    lines, _ = PAGE["index"].fences
    role = "arn:aws:iam::210987654321:role/ecr-puller"
    host.machine.login()
    host.run(["/bin/sh", "-e", "-c", lines.text], {f"AWS_ECR_ROLE_ARN_{OTHER[:12]}": role})

    host.check({HOST: USER, OTHER: PULLER})


def test_the_line_for_a_failure(docker_host: DockerHost) -> None:
    """It passes where the pull works, and names cause and fix where it does not."""
    _, line = PAGE["index"].fences
    docker_host.client()
    command = ["/bin/sh", "-c", line.text]
    for is_right in (True, False):
        if not is_right:
            del docker_host.machine.environ["AWS_ACCESS_KEY_ID"]
        done = docker_host.machine.run(command=command)
        assert done.code == (not is_right), done
        assert (b"\nfix: " in done.stdout) != is_right
