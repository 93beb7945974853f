"""The Homebrew formula: https://docs.brew.sh/Formula-Cookbook."""

from docker_credential_ecrpy import HOMEPAGE, PACKAGE
from docker_credential_ecrpy.hot.protocol import NOT_FOUND
from tools.package_managers.release import LICENSE, PROGRAMS, SUMMARY, Release

BLOCKS = {"darwin": "on_macos", "linux": "on_linux"}
MACHINES = {"aarch64": "on_arm", "arm64": "on_arm", "x86_64": "on_intel"}
# The formula of the Go helper.
OTHER = "docker-credential-helper-ecr"


def _render_sources(release: Release) -> list[str]:
    lines = []
    for system, block in BLOCKS.items():
        if not (archives := release.select(system)):
            continue
        lines.append(f"  {block} do")
        for machine, archive in archives.items():
            lines += [
                f"    {MACHINES[machine]} do",
                f'      url "{archive.url}"',
                f'      sha256 "{archive.sha256}"',
                "    end",
            ]
        lines += ["  end", ""]
    return lines


def render(release: Release) -> dict[str, str]:
    """Return the formula, for the systems and machines that the release has a program for."""
    sources = _render_sources(release)
    if not sources:
        return {}
    depends = []
    if not release.select("darwin"):
        depends = ["  depends_on :linux", ""]
    program = PROGRAMS[0]
    lines = [
        f"class {''.join(map(str.capitalize, PACKAGE.split('-')))} < Formula",
        f'  desc "{SUMMARY}"',
        f'  homepage "{HOMEPAGE}"',
        f'  version "{release.version}"',
        f'  license "{LICENSE}"',
        "",
        *depends,
        *sources,
        f'  conflicts_with "{OTHER}", because: "both install `{program}`"',
        "",
        "  def install",
        '    system "sh", "install.sh", "package", libexec',
        '    bin.install_symlink Dir[libexec/"bin/*"]',
        '    share.install Dir[libexec/"share/*"]',
        "  end",
        "",
        "  test do",
        f'    assert_match version.to_s, shell_output("#{{bin}}/{program} version")',
        f'    answer = pipe_output("#{{bin}}/{PACKAGE} get", "registry.example.com", 1)',
        f'    assert_equal "{NOT_FOUND}", answer.strip',
        "  end",
        "end",
        "",
    ]
    return {f"Formula/{PACKAGE}.rb": "\n".join(lines)}
