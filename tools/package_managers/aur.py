"""PKGBUILD and .SRCINFO for the AUR: https://wiki.archlinux.org/title/PKGBUILD."""

from docker_credential_ecrpy import HOMEPAGE, PACKAGE
from tools.package_managers.release import LICENSE, SUMMARY, Archive, Release

NAME = f"{PACKAGE}-bin"  # a package of programs that were built elsewhere
REPLACED = (PACKAGE, "amazon-ecr-credential-helper")
OPTIONS = ("!strip", "!debug")  # the program is complete as it is


def render(release: Release) -> dict[str, str]:
    """Return both files, if the release has programs for Linux; .SRCINFO is as makepkg's."""
    archives = release.select("linux")
    if not archives:
        return {}
    return {
        "PKGBUILD": _render_pkgbuild(release, archives),
        ".SRCINFO": _render_srcinfo(release, archives),
    }


def _quote(values: tuple[str, ...]) -> str:
    return "(" + " ".join(f"'{value}'" for value in values) + ")"


def _render_pkgbuild(release: Release, archives: dict[str, Archive]) -> str:
    lines = [
        "# shellcheck shell=bash disable=SC2034,SC2154",
        f"# Maintainer: {release.maintainer}",
        "",
        f"pkgname={NAME}",
        f"pkgver={release.version}",
        "pkgrel=1",
        f"pkgdesc='{SUMMARY}'",
        f"arch={_quote(tuple(archives))}",
        f"url='{HOMEPAGE}'",
        f"license=('{LICENSE}')",
        f"provides={_quote(REPLACED)}",
        f"conflicts={_quote(REPLACED)}",
        f"options={_quote(OPTIONS)}",
    ]
    for machine, archive in archives.items():
        url = archive.url.replace(release.version, "$pkgver")
        lines += [
            f'source_{machine}=("{url}")',
            f"sha256sums_{machine}=('{archive.sha256}')",
        ]
    lines += [
        "",
        "package() {",
        f'  cd "$srcdir/{PACKAGE}-$pkgver-linux-$CARCH" || return',
        '  sh install.sh package /usr "$pkgdir"',
        '  install -Dm644 -t "$pkgdir/usr/share/licenses/$pkgname" LICENSE copyright',
        "}",
        "",
    ]
    return "\n".join(lines)


def _render_srcinfo(release: Release, archives: dict[str, Archive]) -> str:
    values = [
        ("pkgdesc", SUMMARY),
        ("pkgver", release.version),
        ("pkgrel", "1"),
        ("url", HOMEPAGE),
        *(("arch", machine) for machine in archives),
        ("license", LICENSE),
        *(("provides", name) for name in REPLACED),
        *(("conflicts", name) for name in REPLACED),
        *(("options", option) for option in OPTIONS),
    ]
    for machine, archive in archives.items():
        values += [(f"source_{machine}", archive.url), (f"sha256sums_{machine}", archive.sha256)]
    lines = [f"pkgbase = {NAME}", *(f"\t{key} = {value}" for key, value in values)]
    return "\n".join([*lines, "", f"pkgname = {NAME}", ""])
