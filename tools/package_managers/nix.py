"""The Nix derivation: https://nixos.org/manual/nixpkgs/stable/#chap-stdenv."""

from docker_credential_ecrpy import HOMEPAGE, PACKAGE
from tools.package_managers.release import PROGRAMS, SUMMARY, Release

SYSTEMS = {
    "darwin-arm64": "aarch64-darwin",
    "darwin-x86_64": "x86_64-darwin",
    "linux-aarch64": "aarch64-linux",
    "linux-x86_64": "x86_64-linux",
}
PROGRAM = PROGRAMS[0]
TEMPLATE = f"""\
{{
  pkgs ? import <nixpkgs> {{ }},
}}:

let
  sources = {{
%(sources)s
  }};
  system = pkgs.stdenvNoCC.hostPlatform.system;
in
pkgs.stdenvNoCC.mkDerivation {{
  pname = "{PACKAGE}";
  version = "%(version)s";

  src = pkgs.fetchurl (
    sources.${{system}} or (throw "{PACKAGE}: the release has no program for ${{system}}")
  );

  # The programs are complete as they are.
  dontConfigure = true;
  dontBuild = true;
  dontStrip = true;
  dontPatchELF = true;

  installPhase = ''
    runHook preInstall
    sh install.sh package "$out"
    runHook postInstall
  '';

  doInstallCheck = true;
  installCheckPhase = ''
    runHook preInstallCheck
    "$out/bin/{PROGRAM}" version
    runHook postInstallCheck
  '';

  meta = {{
    description = "{SUMMARY}";
    homepage = "{HOMEPAGE}";
    license = pkgs.lib.licenses.asl20;
    mainProgram = "{PROGRAM}";
    platforms = builtins.attrNames sources;
    sourceProvenance = [ pkgs.lib.sourceTypes.binaryNativeCode ];
  }};
}}
"""


def render(release: Release) -> dict[str, str]:
    """Return the derivation, for the systems that the release has a program for."""
    lines = []
    for platform, system in SYSTEMS.items():
        if archive := release.archives.get(platform):
            lines += [
                f"    {system} = {{",
                f'      url = "{archive.url}";',
                f'      sha256 = "{archive.sha256}";',
                "    };",
            ]
    if not lines:
        return {}
    return {"default.nix": TEMPLATE % {"sources": "\n".join(lines), "version": release.version}}
