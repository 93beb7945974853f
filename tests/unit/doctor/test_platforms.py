"""Facts about the platform that Docker pulls an image for."""

import platform

import pytest

from docker_credential_ecrpy.doctor.platforms import read_platform

pytestmark = pytest.mark.in_process


@pytest.mark.parametrize(
    ("machine", "variable", "read"),
    [
        ("x86_64", "", "linux/amd64"),
        ("AMD64", "", "linux/amd64"),
        ("aarch64", "", "linux/arm64"),
        ("armv7l", "", "linux/arm/v7"),
        ("riscv64", "", "linux/riscv64"),
        ("x86_64", "linux/arm64", "linux/arm64"),
        ("x86_64", "Linux/AArch64", "linux/arm64"),
        ("x86_64", "arm64", "linux/arm64"),
        ("x86_64", "windows", "windows/amd64"),
        ("x86_64", "linux/arm/v7", "linux/arm/v7"),
    ],
)
def test_the_platform_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, machine: str, variable: str, read: str
) -> None:
    """It has Docker's names, and DOCKER_DEFAULT_PLATFORM changes it."""
    monkeypatch.setattr(platform, "machine", lambda: machine)

    assert read_platform({"DOCKER_DEFAULT_PLATFORM": variable}) == read
