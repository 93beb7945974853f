# What every package says of the project; for scripts that run in the root of the tree:
#
#     . tools/project.sh
#
# Sets name, version, maintainer, homepage, summary and description.
# shellcheck shell=sh disable=SC2034
name=docker-credential-ecrpy
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' docker_credential_ecrpy/__init__.py)
maintainer=$(sed -n 's/^authors = \[{ name = "\(.*\)", email = "\(.*\)" }\]$/\1 <\2>/p' pyproject.toml)
homepage=$(sed -n 's/^Homepage = "\(.*\)"$/\1/p' pyproject.toml)
if [ -z "$maintainer" ] || [ -z "$homepage" ]; then
    echo "pyproject.toml has no authors or no Homepage in the form that tools/project.sh reads" >&2
    exit 1
fi
summary="Docker credential helper for Amazon ECR"
description="Docker, podman, buildah and skopeo run this program when they need a password
for an Amazon ECR registry. It requests an authorization token from AWS and
caches it until it expires: docker login is no longer necessary.

The program is installed as docker-credential-ecr-login, a drop-in replacement
for the program of that name in amazon-ecr-credential-helper, and as
docker-credential-ecrpy. It contains all that it needs, Python included."
