"""The three winget manifests: https://learn.microsoft.com/windows/package-manager/package/manifest."""

import json
from typing import Any

from docker_credential_ecrpy import HOMEPAGE, PACKAGE
from tools.package_managers.release import LICENSE, PROGRAMS, SUMMARY, Release

FORMAT = "1.10.0"  # the first with ArchiveBinariesDependOnPath that winget-pkgs accepts
LOCALE = "en-US"
MACHINES = {"aarch64": "arm64", "arm64": "arm64", "x86_64": "x64"}
OWNER, _, REPOSITORY = HOMEPAGE.partition("github.com/")[2].partition("/")
IDENTIFIER = f"{OWNER}.{REPOSITORY}"


def _render_yaml(kind: str, values: dict[str, Any]) -> str:
    """Return a manifest. Values are written as JSON, which is YAML too."""
    schema = f"https://aka.ms/winget-manifest.{kind}.{FORMAT}.schema.json"
    lines = [f"# yaml-language-server: $schema={schema}", ""]
    end = {"ManifestType": kind, "ManifestVersion": FORMAT}
    for key, value in {"PackageIdentifier": IDENTIFIER, **values, **end}.items():
        if isinstance(value, list):
            lines += [f"{key}:", *(f"- {json.dumps(each)}" for each in value)]
        else:
            lines.append(f"{key}: {json.dumps(value)}")
    return "\n".join([*lines, ""])


def render(release: Release) -> dict[str, str]:
    """Return the manifests of version, installers and locale, if there are programs for Windows.

    The programs need the files beside them, and a symlink to a program would hide these. So winget
    adds the programs' directory to PATH (ArchiveBinariesDependOnPath).
    """
    archives = release.select("windows")
    if not archives:
        return {}
    installers = [
        {
            "Architecture": MACHINES[machine],
            "InstallerUrl": archive.url,
            "InstallerSha256": archive.sha256.upper(),
            "NestedInstallerFiles": [
                {"RelativeFilePath": f"{archive.folder}\\{PACKAGE}\\{program}.exe"}
                for program in PROGRAMS
            ],
        }
        for machine, archive in archives.items()
    ]
    version = {"PackageVersion": release.version}
    directory = f"manifests/{OWNER[0]}/{OWNER}/{REPOSITORY}/{release.version}"
    return {
        f"{directory}/{IDENTIFIER}.yaml": _render_yaml(
            "version", {**version, "DefaultLocale": LOCALE}
        ),
        f"{directory}/{IDENTIFIER}.installer.yaml": _render_yaml(
            "installer",
            {
                **version,
                "InstallerType": "zip",
                "NestedInstallerType": "portable",
                "ArchiveBinariesDependOnPath": True,
                "Commands": list(PROGRAMS),
                "Installers": installers,
            },
        ),
        f"{directory}/{IDENTIFIER}.locale.{LOCALE}.yaml": _render_yaml(
            "defaultLocale",
            {
                **version,
                "PackageLocale": LOCALE,
                "Publisher": release.maintainer.partition(" <")[0],
                "PublisherUrl": HOMEPAGE,
                "PublisherSupportUrl": f"{HOMEPAGE}/issues",
                "PackageName": PACKAGE,
                "PackageUrl": HOMEPAGE,
                "License": LICENSE,
                "LicenseUrl": f"{HOMEPAGE}/blob/v{release.version}/LICENSE",
                "ShortDescription": SUMMARY,
                "Moniker": PACKAGE,
                "Tags": ["aws", "docker", "ecr", "podman"],
                "ReleaseNotesUrl": f"{HOMEPAGE}/releases/tag/v{release.version}",
            },
        ),
    }
