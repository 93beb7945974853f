"""Facts about the files for package managers, of a release of stand-ins for every platform."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from docker_credential_ecrpy import HOMEPAGE, __version__
from tests.world import engines
from tests.world.release import NAME, PLATFORMS, write_release
from tests.world.tree import REPOSITORY
from tools.package_managers.__main__ import MANAGERS, main, write
from tools.package_managers.release import LICENSE, SUMMARY, Release, ReleaseError

pytestmark = pytest.mark.tree
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Debian's linters")
# As rubocop of Homebrew's own style is set; its own cops are not packaged.
RUBOCOP = """\
AllCops:
  DisabledByDefault: true
  SuggestExtensions: false
  TargetRubyVersion: 3.1
Layout: {Enabled: true}
Layout/SpaceAroundOperators: {Enabled: false} # a path is written libexec/"bin"
Lint: {Enabled: true}
Layout/LineLength: {Max: 118, AllowedPatterns: ["^ *(url|sha256) "]}
Style/StringLiterals: {Enabled: true, EnforcedStyle: double_quotes}
Style/TrailingCommaInArguments: {Enabled: true}
Style/RedundantSelf: {Enabled: true}
"""


@pytest.fixture(name="made")
def _made(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """The directory of all files, and the checksums of the archives."""
    sums = write_release(tmp_path / "release", *PLATFORMS)
    assert write(Release.read(tmp_path / "release"), tmp_path / "made") == []
    return tmp_path / "made", sums


def _need(program: str) -> None:
    if not shutil.which(program, path=f"{os.environ['PATH']}:{engines.PATH}"):
        engines.missing(f"{program} is not installed")


def _lint(*command: str, **environ: str) -> str:
    done = subprocess.run(
        command, capture_output=True, check=False, text=True, env={**os.environ, **environ}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_each_archive_is_named_with_its_checksum(made: tuple[Path, dict[str, str]]) -> None:
    """By its URL in the project's release, in every file for its system, and no other is named."""
    directory, sums = made
    release = f"{HOMEPAGE}/releases/download/v{__version__}/"
    texts = {
        manager: "".join(
            path.read_text(encoding="utf-8").replace("$pkgver", __version__)
            for path in (directory / manager).rglob("*")
            if path.is_file()
        )
        for manager in MANAGERS
    }
    named = {
        manager: set(re.findall(rf"{re.escape(release)}([\w.-]+)\"?", text))
        for manager, text in texts.items()
    }
    windows = {name for name in sums if "windows" in name}
    linux = {name for name in sums if "linux" in name}

    assert named["aur"] == linux
    assert named["homebrew"] == named["nix"] == sums.keys() - windows
    assert named["winget"] == windows
    assert named["scoop"] >= windows
    for manager, names in named.items():
        for name in names & sums.keys():
            assert sums[name] in texts[manager].lower(), (manager, name)


@on_linux
def test_what_they_say_of_the_project_is_what_the_debian_package_says() -> None:
    """The scripts of the packages and the generator share a summary."""
    command = ["sh", "-c", '. tools/project.sh; echo "$summary"; echo "$maintainer"']
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True, text=True)

    assert done.stdout.splitlines()[0] == SUMMARY
    image = (REPOSITORY / "Containerfile").read_text(encoding="utf-8")
    assert f'description="{SUMMARY}"' in image
    assert f'licenses="{LICENSE}"' in image
    assert f'license = "{LICENSE}"' in (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("platforms", "left_out"),
    [
        (("linux-x86_64",), ["scoop", "winget"]),
        (("darwin-arm64",), ["scoop", "winget", "aur"]),
        (("windows-x86_64",), ["homebrew", "aur", "nix"]),
    ],
)
def test_only_programs_that_exist_are_named(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    platforms: tuple[str, ...],
    left_out: list[str],
) -> None:
    """A manager for whose systems there is none gets no file, and loses an old one."""
    (tmp_path / "made" / left_out[0]).mkdir(parents=True)
    write_release(tmp_path / "release", *platforms)
    main(tmp_path / "release", tmp_path / "made")
    said = capsys.readouterr().err

    assert {path.name for path in (tmp_path / "made").iterdir()} == MANAGERS.keys() - {*left_out}
    assert re.findall(r"(?m)^nothing for (\w+): ", said) == left_out


def test_what_is_no_release_is_an_error(tmp_path: Path) -> None:
    """No archive of this version, or one without what the files name."""
    write_release(tmp_path / "release")
    (tmp_path / "release" / f"{NAME}-0.0.0-linux-x86_64.tar.gz").touch()
    with pytest.raises(ReleaseError, match="has no archive of version"):
        Release.read(tmp_path / "release")
    name = f"{NAME}-{__version__}-linux-x86_64.tar.gz"
    with tarfile.open(tmp_path / "release" / name, "w:gz"):
        pass
    with pytest.raises(ReleaseError, match=r"lacks .*install\.sh"):
        Release.read(tmp_path / "release")
    with pytest.raises(SystemExit, match="lacks"):
        main(tmp_path / "release", tmp_path / "made")


# --- Homebrew, AUR, Nix ---------------------------------------------------------------------------


@on_linux
def test_the_formula_is_ruby_in_homebrews_style(made: tuple[Path, dict[str, str]]) -> None:
    """Ruby parses it, and rubocop finds nothing with the settings that both share."""
    _need("ruby")
    formula = made[0] / "homebrew" / "Formula" / f"{NAME}.rb"
    assert _lint("ruby", "-wc", str(formula)) == "Syntax OK\n"
    text = formula.read_text(encoding="utf-8")
    assert text.startswith("class DockerCredentialEcrpy < Formula\n")
    assert "depends_on" not in text
    order = ["desc", "homepage", "version", "license", "on_macos", "on_linux", "conflicts_with"]
    assert re.findall(r"(?m)^  (\w+) (?:\"|do$)", text)[:-1] == order
    (desc,) = re.findall(r'(?m)^  desc "(.*)"$', text)
    assert len(desc) <= 80
    assert not re.match(r"an? |the ", desc, re.IGNORECASE)

    _need("rubocop")
    config = made[0] / "rubocop.yml"
    config.write_text(RUBOCOP)
    options = (f"--config={config}", "--cache=false", "--fail-level=convention")
    _lint("rubocop", *options, str(formula))


@on_linux
def test_the_pkgbuild_is_a_clean_script(made: tuple[Path, dict[str, str]]) -> None:
    """bash parses it, and shellcheck finds nothing; every checksum has its source."""
    pkgbuild = made[0] / "aur" / "PKGBUILD"
    _need("bash")
    _lint("bash", "-n", str(pkgbuild))
    script = f'. {pkgbuild}; echo "${{arch[*]}}"; for a in "${{arch[@]}}"; do '
    script += "declare -n source=source_$a sums=sha256sums_$a; echo ${#source[@]} ${#sums[@]}; done"
    assert _lint("bash", "-euc", script) == "aarch64 x86_64\n1 1\n1 1\n"
    _need("shellcheck")
    _lint("shellcheck", str(pkgbuild))


@on_linux
def test_the_derivation_has_each_system(made: tuple[Path, dict[str, str]]) -> None:
    """Nix parses it; another system is an error that names the system."""
    _need("nix-instantiate")
    derivation = made[0] / "nix" / "default.nix"
    environ = {f"NIX_{name}_DIR": str(made[0] / name) for name in ("STORE", "STATE", "LOG", "CONF")}
    environ["HOME"] = str(made[0])
    _lint("nix-instantiate", "--parse", str(derivation), **environ)
    pick = f"""
      system: (import {derivation} {{ pkgs = {{
        lib = {{ licenses.asl20 = 0; sourceTypes.binaryNativeCode = 0; }};
        fetchurl = source: source.url;
        stdenvNoCC = {{ hostPlatform = {{ inherit system; }}; mkDerivation = given: given; }};
      }}; }})"""
    evaluate = ("nix-instantiate", "--eval", "--strict", "--json", "--expr")
    platforms = json.loads(_lint(*evaluate, f'(({pick}) "x86_64-linux").meta.platforms', **environ))
    systems = ["aarch64-darwin", "aarch64-linux", "x86_64-darwin", "x86_64-linux"]
    assert platforms == systems
    expression = f"map (system: (({pick}) system).src) {json.dumps(systems).replace(',', '')}"
    sources = json.loads(_lint(*evaluate, expression, **environ))
    wanted = ("darwin-arm64", "linux-aarch64", "darwin-x86_64", "linux-x86_64")
    assert [source.rpartition("/")[2] for source in sources] == [
        f"{NAME}-{__version__}-{platform}.tar.gz" for platform in wanted
    ]
    with pytest.raises(AssertionError, match="has no program for riscv64-linux"):
        _lint(*evaluate, f'(({pick}) "riscv64-linux").src', **environ)


# --- the scripts and the workflows ----------------------------------------------------------------


@on_linux
def test_the_scripts_are_clean() -> None:
    """shellcheck finds nothing in any script of tools/, of the action and of CI."""
    _need("shellcheck")
    scripts = sorted(map(str, (REPOSITORY / "tools").glob("*.sh")))
    scripts += [str(REPOSITORY / "action" / "python.sh"), str(REPOSITORY / ".ci" / "run")]
    assert len(scripts) >= 10
    _lint("shellcheck", *scripts)


def test_the_release_writes_them_for_every_platform() -> None:
    """A job of the workflow that may not write gives the generator all programs."""
    workflow = yaml.safe_load((REPOSITORY / ".github/workflows/release.yml").read_text())
    job = workflow["jobs"]["package-managers"]
    script = "\n".join(step.get("run", "") for step in job["steps"])

    assert job["permissions"] == {"contents": "read"}
    assert "python -B -m tools.package_managers release package-managers" in script
    assert "package-managers" in workflow["jobs"]["release"]["needs"]
    (archive,) = re.findall(r"\S+-package-managers\.tar\.gz", script)
    pattern = archive.strip('"').replace("${GITHUB_REF_NAME#v}", "*")
    (upload,) = [step for step in job["steps"] if "upload-artifact" in step.get("uses", "")]
    assert upload["with"]["path"] == pattern
    assert not upload["with"]["name"].startswith("packages")  # these are published on PyPI
