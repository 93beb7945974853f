"""A CI job of docs/recipes with a real client, engine and registry."""

import yaml

from tests.world.documents import find_page
from tests.world.engine_host import ECR, ECR_2, OTHER_ACCOUNT, EngineHost
from tests.world.recipe_host import CI, ID_TOKEN, PULLER

ENGINE = ("DOCKER_HOST", "DOCKER_TLS_CERTDIR")


def test_the_job_of_gitlab_builds_and_pushes(engine_host: EngineHost, app: str) -> None:
    """It pulls from two accounts and pushes, each with the identity that may do so."""
    aws = engine_host.aws
    aws.role("ci")
    aws.role("ecr-puller", OTHER_ACCOUNT)
    aws.web_identity_tokens.add(ID_TOKEN)
    engine_host.universe.front.readers.update({ECR: {CI}, ECR_2: {PULLER}})
    context = engine_host.dockerfile(f"{ECR}/{app}", f"{ECR_2}/{app}")
    for name in ("apk", "pipx"):  # the program is there already
        path = engine_host.root / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)

    job = yaml.safe_load(find_page("recipes/gitlab").fences[0].text)["build"]
    environ = {
        name: value.replace("$CI_PROJECT_DIR", context)
        for name, value in job["variables"].items()
        if name not in ENGINE
    }
    (token,) = job["id_tokens"]
    environ |= {"CI_PROJECT_DIR": context, token: ID_TOKEN}
    environ["PATH"] = f"{engine_host.root / 'bin'}:{engine_host.environ['PATH']}"
    lines = [f"cd {context}", *job["before_script"], *job["script"]]
    # Other tests pull the image that the page pushes.
    pushed = f"{ECR}/team/recipe:1"
    text = "\n".join(lines).replace(f"{ECR}/{app}", pushed)
    engine_host.run("/bin/sh", "-e", "-c", text, **environ).ok()

    engine_host.forget_image(pushed)
    engine_host.run("docker", "pull", pushed, **environ).ok()
    assert {issued.arn for issued in aws.issued.values()} == {CI, PULLER}
    assert aws.count()["ecr"] == 2
    assert not engine_host.config.exists()
