"""Says what was done and what failed: in the log, in metrics, and in Events about the Secrets."""

import re
import threading
from collections.abc import Callable
from http import HTTPStatus

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.kubernetes.controller.api.events import Events, News
from docker_credential_ecrpy.kubernetes.controller.api.failure import ApiFailure
from docker_credential_ecrpy.kubernetes.controller.metrics import Metrics
from docker_credential_ecrpy.kubernetes.controller.round import Report
from docker_credential_ecrpy.kubernetes.controller.sync import Deed, Synced
from docker_credential_ecrpy.kubernetes.pull_secrets.login import earliest
from docker_credential_ecrpy.kubernetes.pull_secrets.names import Reason, reason_of
from docker_credential_ecrpy.kubernetes.pull_secrets.spec import PullSecret
from docker_credential_ecrpy.text.times import stamp

Key = tuple[str, str]
"""A job: the UID of what is wanted, and a namespace."""
_MOST_SHOWN = 3  # registries in a line
_SHOWN_EACH = 5  # lines of the same text, before they are counted
_WINDOW = 30.0  # seconds


class Repeats:
    """Prints lines; of many with the same text, the first ones, and then how many more there were.

    So an outage of AWS is a few lines, not one for each of thousands of namespaces. say: prints a
    line. window: seconds until the count is printed.
    """

    def __init__(self, say: Callable[[str], None], window: float = _WINDOW) -> None:
        self._say = say
        self._window = window
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()

    def say(self, what: str, text: str, namespace: str = "") -> None:
        """Print `what: text`, or count it. The namespace makes no difference between texts."""
        word = rf"(?<![\w-]){re.escape(namespace)}(?![\w-])"
        alike = re.sub(word, "*", text) if namespace else text
        with self._lock:
            if not self._counts:
                self._begin()
            count = self._counts[alike] = self._counts.get(alike, 0) + 1
        if count <= _SHOWN_EACH:
            self._say(f"{what}: {text}")

    def _begin(self) -> None:
        timer = threading.Timer(self._window, self._end)
        timer.daemon = True
        timer.start()

    def _end(self) -> None:
        """Print the counts; what has one is counted from its first line on in the next window."""
        with self._lock:
            more = {text: count - _SHOWN_EACH for text, count in self._counts.items()}
            more = {text: count for text, count in more.items() if count > 0}
            self._counts = dict.fromkeys(more, _SHOWN_EACH)
            if more:
                self._begin()
        for text, count in more.items():
            self._say(f"{count} more: {text}")


class Reporter:
    """Follows the jobs. say: prints a line. Each failure is said once, until it changes."""

    def __init__(self, say: Callable[[str], None], metrics: Metrics, events: Events) -> None:
        self.say = say
        self._repeats = Repeats(say)
        self._metrics = metrics
        self._events = events
        self._failures: dict[Key, int] = {}
        self._said: dict[Key, set[str]] = {}

    def tell(self, key: Key, wanted: PullSecret, report: Report) -> int:
        """Report a try; return how many have failed in a row."""
        for one in report.synced:
            self._tell_deed(wanted, one)
        for change in report.accounts:
            self.say(str(change))
        if report.errors:
            return self._tell_failures(key, wanted, report)
        if report.synced and self._failures.pop(key, 0):
            self._said.pop(key, None)
            self._repeats.say(f"{key[1]}/{wanted.name}", "it works again", key[1])
            self._post(key[1], wanted, News("Recovered", "the logins are up to date again"))
        return 0

    def fail(self, key: Key, where: str, error: HelperError) -> None:
        """Report an error of a job; it is said once, until its job has none."""
        self._metrics.note_failure(reason_of(error).value)
        said = self._said.setdefault(key, set())
        if f"{where}{error}" not in said:
            said.add(f"{where}{error}")
            self._repeats.say(where, str(error), key[1])

    def forget(self, key: Key, wanted_name: str) -> None:
        """Drop what is known of a job that is no longer wanted."""
        self._failures.pop(key, None)
        self._said.pop(key, None)
        self._metrics.forget(key[1], wanted_name)

    def complain(self, what: str, error: HelperError) -> None:
        """Report a failure of a request that is not about one Secret."""
        self._metrics.note_failure(Reason.API.value)
        self._repeats.say(what, str(error))

    def _tell_deed(self, wanted: PullSecret, one: Synced) -> None:
        if one.deed is not Deed.NOTHING:
            until = stamp(earliest(one.times.values()).expires)
            shown = ", ".join(wanted.registries[:_MOST_SHOWN])
            more = len(wanted.registries) - _MOST_SHOWN
            text = f"{shown}{f' and {more} more' if more > 0 else ''} until {until}"
            self.say(f"secret {one.target} {one.deed.value}: {text}")
            self._metrics.note_write(one.deed.name.lower())
            if one.deed is Deed.CREATED:
                self._post(one.target.namespace, wanted, News("Created", text))
        if not one.errors:
            self._metrics.note_success(one.target.namespace, wanted.name)
        for registry, times in one.times.items():
            self._metrics.note_expiry(one.target.namespace, wanted.name, registry, times.expires)

    def _tell_failures(self, key: Key, wanted: PullSecret, report: Report) -> int:
        before = set(self._said.get(key, ()))
        for failure in report.failures:
            self.fail(key, failure.name, failure.error)
        for one in report.synced:
            for registry, error in one.errors.items():
                self.fail(key, f"{one.target}: {registry}", error)
        first = report.errors[0]
        if self._said[key] - before and not _is_denied(first):
            news = News(reason_of(first).value, str(first), is_good=False)
            self._post(key[1], wanted, news)
        self._failures[key] = self._failures.get(key, 0) + 1
        return self._failures[key]

    def _post(self, namespace: str, wanted: PullSecret, news: News) -> None:
        about = {"apiVersion": "v1", "kind": "Secret", "namespace": namespace, "name": wanted.name}
        self._events.post(about, news)


def _is_denied(error: HelperError) -> bool:
    """Whether a right is missing, so that an Event would be refused as well or help nobody."""
    return isinstance(error, ApiFailure) and error.code == HTTPStatus.FORBIDDEN
