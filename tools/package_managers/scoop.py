"""The Scoop manifest: https://github.com/ScoopInstaller/Scoop/wiki/App-Manifests."""

import json

from docker_credential_ecrpy import HOMEPAGE, PACKAGE
from tools.package_managers.release import LICENSE, PROGRAMS, SUMMARY, Release

MACHINES = {"aarch64": "arm64", "arm64": "arm64", "x86_64": "64bit"}


def render(release: Release) -> dict[str, str]:
    """Return the manifest, if the release has programs for Windows."""
    archives = release.select("windows")
    if not archives:
        return {}
    now, later = {}, {}
    for machine, archive in archives.items():
        folder = f"{archive.folder}\\{PACKAGE}"
        now[MACHINES[machine]] = {
            "url": archive.url,
            "hash": archive.sha256,
            "extract_dir": folder,
        }
        later[MACHINES[machine]] = {
            "url": archive.url.replace(release.version, "$version"),
            "extract_dir": folder.replace(release.version, "$version"),
        }
    manifest = {
        "version": release.version,
        "description": SUMMARY,
        "homepage": HOMEPAGE,
        "license": LICENSE,
        "architecture": now,
        "bin": [f"{program}.exe" for program in PROGRAMS],
        "checkver": {"github": HOMEPAGE},
        "autoupdate": {"architecture": later, "hash": {"url": "$baseurl/SHA256SUMS"}},
    }
    return {f"bucket/{PACKAGE}.json": json.dumps(manifest, indent=4) + "\n"}
