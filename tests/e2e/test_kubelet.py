"""Pulls with the login that the kubelet gets from the plugin, as a container runtime makes them."""

from pathlib import Path

import pytest

from tests.world import engines
from tests.world.engine_host import ECR, EngineHost
from tests.world.play_kubelet import PlayKubelet, ServiceAccount, make_config

ROLE = "eks.amazonaws.com/ecr-role-arn"
ATTRIBUTES = {
    "serviceAccountTokenAudience": "sts.amazonaws.com",
    "cacheType": "Token",
    "requireServiceAccount": True,
    "optionalServiceAccountAnnotationKeys": [ROLE],
}


@pytest.mark.parametrize("has_account", [False, True], ids=["node", "service account"])
def test_a_pull_with_the_kubelets_login(
    engine_host: EngineHost, app: str, tmp_path: Path, scripts: Path, has_account: bool
) -> None:
    """skopeo pulls with the pair from the real registry; without it the pull is refused."""
    skopeo = engines.find("skopeo")
    (tmp_path / "bin").mkdir()
    name = "ecr-credential-provider"
    (tmp_path / "bin" / name).symlink_to(scripts / "docker-credential-ecrpy")
    account = None
    if has_account:
        account = ServiceAccount(annotations={ROLE: engine_host.aws.role().arn})
        engine_host.aws.web_identity_tokens.add(account.token)
        config = make_config(name, tokenAttributes=ATTRIBUTES)
    else:
        engine_host.login_to_aws()
        config = make_config(name)
    kubelet = PlayKubelet(config, tmp_path / "bin", engine_host.environ)
    image = f"{ECR}/{app}"

    ((username, password),) = kubelet.logins(image.rpartition(":")[0], account)

    inspect = (skopeo, "inspect", f"docker://{image}")
    engine_host.run(*inspect, "--no-creds").failed()
    engine_host.run(*inspect, f"--creds={username}:{password}").ok()
