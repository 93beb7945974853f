"""What one call of the helper works with: its settings, identity and cache."""

from collections.abc import Callable, Mapping
from functools import cached_property

from docker_credential_ecrpy.files import racy
from docker_credential_ecrpy.files.directory import NotDirectory, Refused, open_own
from docker_credential_ecrpy.hot import identity, paths
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.settings import loader, rules
from docker_credential_ecrpy.settings.loader import Settings
from docker_credential_ecrpy.settings.rules import Choice, SettingText
from docker_credential_ecrpy.text.log import Log
from docker_credential_ecrpy.tokens import folder
from docker_credential_ecrpy.tokens.token import Fetch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.helper.fallback import Fallback


@dataclass(frozen=True)
class Call:
    """One call of the helper.

    resolve: returns the choice with a profile instead of "auto". Raises HelperError.
    fallback: returns the credential helper that the settings name.
    clock: returns nanoseconds since the epoch (UTC).
    """

    environ: Mapping[str, str]
    fetch: Fetch
    resolve: Callable[[Choice], Choice]
    fallback: "Callable[[SettingText], Fallback]"
    clock: Callable[[], int]
    log: Log

    def load_settings(self) -> Settings:
        """Return the settings, which are read once. Raises HelperError if they are invalid."""
        return self._settings

    def read_identity(self) -> str:
        """Return the identity line, with the settings as they were read.

        Waits out racy timestamps of the files whose content it lacks. Raises HelperError as
        `load_settings`.
        """
        return self._identity

    def find_fallback(self) -> "Fallback | None":
        """Return the credential helper for other registries, or None if the settings name none.

        Raises HelperError.
        """
        name = self.load_settings().fallback
        return self.fallback(name) if name else None

    def find_directory(self) -> str:
        """Return the cache's directory; "" also if its home directory does not exist.

        "", too, for a directory that other users can change or move: the log says why, once.
        """
        return self._directory

    def list_refusals(self) -> list[Refused]:
        """Return why the cache's directory, or folders in it, must not be used."""
        directory = paths.cache_dir(self.environ)
        return folder.list_refusals(directory) if directory else []

    @cached_property
    def _directory(self) -> str:
        directory = paths.cache_dir(self.environ)
        if not directory or paths.lacks_home(directory, self.environ):
            return ""
        try:
            open_own(directory, create=False).close()
        except NotDirectory:
            pass  # each write says so
        except Refused as exc:
            self.log(f"cache: not used: {exc}; {exc.hint}")
            return ""
        except OSError:
            pass  # it is missing, or the error of its use says why
        return directory

    @cached_property
    def _settings(self) -> Settings:
        return loader.load(self.environ, self._were_checked)

    def _were_checked(self, stamp: str) -> bool:
        """Whether an earlier process found no mistake in the settings."""
        from docker_credential_ecrpy.helper import rule_table

        directory, settings = paths.cache_dir(self.environ), self._settings_part(stamp)
        return bool(directory) and bool(rule_table.read(directory, settings, self.clock()))

    def _settings_part(self, stamp: str) -> str:
        return identity.settings_part(self.environ, stamp)

    def keep_rules(self) -> None:
        """Let later processes do without the settings' parser and checks."""
        settings = self.load_settings()
        directory = self.find_directory() if settings.is_checked_now else ""
        if directory:
            from docker_credential_ecrpy.helper import rule_compiler

            part = self._settings_part(settings.stamp)
            try:
                rule_compiler.write(directory, part, settings, self.clock())
            except OSError as exc:
                self.log(f"cache: rules not written: {exc}")

    @cached_property
    def _variables(self) -> Mapping[str, str]:
        """The variables that choose an identity for an account."""
        return {name: self.environ[name] for name in identity.account_variables(self.environ)}

    @cached_property
    def _identity(self) -> str:
        stamp = self.load_settings().stamp
        racy.wait(identity.long_files(self.environ))
        return identity.line(self.environ, stamp)

    def choose(self, server_url: str) -> Choice | None:
        """Return the AWS identity to use for a registry; None if that is not ECR's.

        Raises HelperError.
        """
        return rules.choose(server_url, self.load_settings().rules, self._variables)
