"""Facts about the simulation of fleets, and that docs/scale.md has its tables."""

import random
from dataclasses import astuple
from typing import Any

import pytest

from docker_credential_ecrpy.hot.cache import SECOND
from tests.world.documents import find_page
from tools.simulation import pull_secrets, report
from tools.simulation.__main__ import SEED, play_pull_secrets
from tools.simulation.aws import BUCKET, INSTANCE, QUOTA, ROLE, STS_QUOTA, Api, Source
from tools.simulation.demand import Demand, Pattern
from tools.simulation.fleet import DAY, Client, Fleet
from tools.simulation.helpers import AwsPlugin, GoKeying, Helper, Machine, Ours
from tools.simulation.outcome import play
from tools.simulation.pull_secrets import SecretsOutcome
from tools.simulation.scenarios import BEGIN, GO, PLUGIN, SCENARIOS, WITH, WITHOUT, Scenario

pytestmark = pytest.mark.tree
HOUR = 3600 * SECOND
ROWS = find_page("scale").table("## What is simulated")
QUICK = [one for one in SCENARIOS if one.machines == 1_000 and one.keeps]


def _fleet(helper: Helper, pattern: Pattern, source: Source = INSTANCE, **changed: Any) -> Fleet:
    """Play ten machines that start at midnight and pull from one registry."""
    fleet = Fleet(helper, Api(), Api(), BEGIN, "")
    clients = []
    for number in range(10):
        machine = Machine(number / 10, source, BEGIN, **changed)
        demand = Demand(pattern, BEGIN, BEGIN, random.Random(number))
        clients.append(Client(machine, "registry", demand))
    fleet.run(clients)
    return fleet


class TestRates:
    """AWS's side."""

    def test_a_bucket(self) -> None:
        """Of 1,000 at once 200 are answered; 200 more ten seconds later, at 20 a second."""
        api = Api(BUCKET)

        assert sum(api.ask(BEGIN) for _ in range(1_000)) == 200
        assert sum(api.ask(BEGIN + 10 * SECOND) for _ in range(1_000)) == 200
        assert sum(api.ask(BEGIN + 9_999 * SECOND) for _ in range(1_000)) == 200
        assert (api.requests, api.throttled) == (3_000, 2_400)

    def test_a_peak_is_of_one_second(self) -> None:
        """It is the fullest second of the given time; the end is not in it."""
        api = Api()
        for at in (0, 0.9, 1, 1.5, 1.9, 7):
            assert api.ask(int(at * SECOND))

        assert (api.peak(0, 9 * SECOND), api.peak(0, SECOND), api.peak(7 * SECOND, DAY)) == (
            3,
            2,
            1,
        )
        assert api.peak(2 * SECOND, 7 * SECOND) == 0

    def test_the_rates_are_those_of_the_page(self) -> None:
        """The page names each of AWS's rates."""
        text = " ".join(find_page("scale").text.split())

        assert f"[{QUOTA.per_second} a second]" in text
        assert f"[{BUCKET.per_second} a second, and {BUCKET.burst} at once]" in text
        assert f"[{STS_QUOTA.per_second} a second]" in text


class TestArithmetic:
    """Small fleets whose calls can be counted by hand."""

    def test_a_call_for_each_image(self) -> None:
        """The plugin makes one for each of 7 images of 10 machines, in the first second."""
        fleet = _fleet(AwsPlugin(), Pattern(first=7))

        assert (fleet.ecr.requests, fleet.ecr.peak(BEGIN, BEGIN + SECOND)) == (70, 70)

    def test_a_call_for_each_token(self) -> None:
        """Ours makes one: at 0, and each six hours for a job that runs each minute."""
        jobs = Pattern(first=7, job=60 * SECOND, spread=0)

        assert _fleet(Ours(has_jitter=False), jobs).ecr.peak(BEGIN, BEGIN + DAY) == 10
        assert _fleet(Ours(has_jitter=False), jobs).ecr.requests == 10 * 4
        assert set(_fleet(Ours(has_jitter=False), jobs).ecr.seconds) == {
            (BEGIN + hours * HOUR) // SECOND for hours in (0, 6, 12, 18)
        }

    def test_the_jitter_spreads_the_refreshes(self) -> None:
        """With jitters of 0, 0.1 and so on: at the first full minute of the 36 minutes early."""
        fleet = _fleet(Ours(has_jitter=True), Pattern(first=1, job=60 * SECOND, spread=0))
        early = [BEGIN + 6 * HOUR - at * SECOND for at in fleet.ecr.seconds]
        first = sorted(one for one in early if 0 <= one <= HOUR)

        assert fleet.ecr.peak(BEGIN + HOUR, BEGIN + 7 * HOUR) == 1
        assert first == [36 * number // 10 * 60 * SECOND for number in range(10)]

    @pytest.mark.parametrize(("helper", "calls"), [(GoKeying(), 24), (Ours(has_jitter=False), 24)])
    def test_a_session_of_an_hour(self, helper: Helper, calls: int) -> None:
        """Each hour: with the Go helper's key, which is another in each process, for each job."""
        jobs = Pattern(first=0, job=HOUR, images=1, spread=0)
        fleet = _fleet(helper, jobs, ROLE, has_kubelet=False)

        assert fleet.ecr.requests == fleet.sts.requests == 10 * calls

    def test_the_go_helpers_key_is_the_credentials(self) -> None:
        """A job of 3 images each 30 minutes: 3 calls each hour, with the instance's next key."""
        jobs = Pattern(first=0, job=HOUR // 2, images=3, spread=0)

        assert _fleet(GoKeying(), jobs, has_kubelet=False).ecr.requests == 10 * 3 * 24
        assert _fleet(GoKeying(), jobs, ROLE, has_kubelet=False).sts.requests == 10 * 3 * 48

    def test_a_kubelet_that_restarts_asks_again(self) -> None:
        """It has lost its answers; ours has the token on disk, the plugin calls AWS."""
        jobs = Pattern(first=1, job=60 * SECOND, images=1, spread=0)
        restarts = (BEGIN + HOUR,)
        plugin = _fleet(AwsPlugin(), jobs, restarts=restarts)
        ours = _fleet(Ours(has_jitter=False), jobs, restarts=restarts)

        assert plugin.ecr.seconds[(BEGIN + HOUR) // SECOND] == 10
        assert ours.ecr.seconds[(BEGIN + HOUR) // SECOND] == 0

    def test_a_runner_that_keeps_nothing(self) -> None:
        """One call for each job."""
        jobs = Pattern(first=0, job=HOUR, images=4, spread=0)
        fleet = _fleet(Ours(has_jitter=True), jobs, ROLE, has_kubelet=False, keeps=False)

        assert fleet.ecr.requests == 10 * 24


class TestThrottling:
    """What AWS's rates do."""

    @pytest.mark.parametrize(("name", "calls"), [(GO, 4_000), (PLUGIN, 4_000), (WITHOUT, 100)])
    def test_a_start_within_the_rate_fails_no_pull(self, name: str, calls: int) -> None:
        """A hundred machines with 40 images each: 200 calls at once are within the bucket."""
        scenario = Scenario("many", 100, {"account": Pattern(first=40)}, starts=SECOND)
        outcome = play(scenario, name, 1)

        assert outcome.requests == calls
        assert (outcome.failed > 0) is (outcome.throttled > 0) is (calls > BUCKET.burst)

    @pytest.mark.parametrize(
        ("helper", "fails"), [(Ours(has_jitter=False), False), (AwsPlugin(), True)]
    )
    def test_a_throttled_refresh(self, helper: Helper, *, fails: bool) -> None:
        """A thousand at once: an older token serves; without one, the pulls fail.

        The bucket has 200, and 20 a second for the attempts of about three seconds.
        """
        jobs = Pattern(first=1, job=HOUR, images=1, spread=0)
        fleet = Fleet(helper, Api(BUCKET), Api(), BEGIN, "")
        starts = [BEGIN + number * SECOND for number in range(1, 1_001)]
        fleet.run(
            Client(Machine(0, INSTANCE, at), "registry", Demand(jobs, BEGIN, at, random.Random(at)))
            for at in starts
        )
        counts = (fleet.failed, fleet.spared)

        assert max(counts) > 700
        assert min(counts) == 0
        assert bool(fleet.failed) is fails


class TestPullSecrets:
    """The controller."""

    @pytest.mark.parametrize(("source", "fetches"), [(INSTANCE, 4), (ROLE, 24)])
    def test_without_jitter_all_are_due_at_once(self, source: Source, fetches: int) -> None:
        """A read and a patch for each of 300, each six hours or with each session of an hour."""
        found = pull_secrets.play(1, has_jitter=False, source=source, namespaces=300)

        assert found == SecretsOutcome(2 * 300 * fetches, 600, 600, fetches)

    def test_the_jitter_spreads_them(self) -> None:
        """All are refreshed once more, each with one read and one patch, and few in one second."""
        found = pull_secrets.play(1, has_jitter=True, namespaces=300)

        assert (found.requests, found.ecr_requests) == (2 * 300 * 5, 5)
        assert (found.at_start, found.later <= 8) == (600, True)


class TestPage:
    """The table of docs/scale.md."""

    def test_it_has_each_fleet_with_each_helper(self) -> None:
        """In the order of the program."""
        assert [row[:2] for row in ROWS] == [
            [s.title, name] for s in SCENARIOS for name in s.helpers
        ]

    def test_its_text_has_the_models_figures(self) -> None:
        """What the machines pull, how long credentials live, and how many secrets there are."""
        text = " ".join(find_page("scale").text.split())

        for nodes in SCENARIOS[:5]:
            assert [one.first for one in nodes.patterns.values()] == [6, 4]
            assert nodes.patterns["account"].every == 600 * SECOND
        assert (
            "pull 6 images of the account's registry and 4 of the add-ons' when they start" in text
        )
        assert (INSTANCE.life, INSTANCE.rotation, ROLE.life) == (6.5 * HOUR, HOUR, HOUR)
        assert "valid for 6 and a half hours and replaced each hour" in text
        assert f"in each of {pull_secrets.NAMESPACES:,} namespaces" in text

    def test_its_text_has_the_tables_figures(self) -> None:
        """The peaks of refreshes without and with jitter, and what fails at a start."""
        text = " ".join(find_page("scale").text.split())
        (jobs, role, runners) = [
            {
                name: [int(cell.replace(",", "")) for cell in cells]
                for title, name, *cells in ROWS
                if title == one.title
            }
            for one in (SCENARIOS[3], SCENARIOS[4], SCENARIOS[6])
        ]

        assert jobs[WITHOUT][2] > QUOTA.per_second > jobs[WITH][2]
        assert f"make {jobs[WITHOUT][2]} calls in one second" in text
        assert (
            f"With the jitter it is {jobs[WITH][2]}, below the quota of {QUOTA.per_second}." in text
        )
        assert f"{role[WITH][2]} in one second in place of {role[WITHOUT][2]}" in text
        assert f"fall from {runners[WITHOUT][2]} to {runners[WITH][2]}" in text
        assert jobs[PLUGIN][1] == 10 * jobs[WITH][1]
        assert 4.5 < jobs[PLUGIN][6] / jobs[WITH][6] < 5.5

    def test_it_has_the_controller(self) -> None:
        """The whole table, with the documented seed."""
        assert play_pull_secrets(SEED) in find_page("scale").text

    @pytest.mark.parametrize("scenario", QUICK, ids=lambda scenario: scenario.title)
    def test_it_is_what_the_program_prints(self, scenario: Scenario) -> None:
        """With the documented seed, whatever the machine and the version of Python."""
        page = find_page("scale").text
        for name in scenario.helpers:
            assert report.line(scenario, name, play(scenario, name, SEED)) in page

    def test_a_table_is_written_in_its_place(self) -> None:
        """Written again, the page stays as it is; without a place for it, that is an error."""
        page = find_page("scale").text
        table = play_pull_secrets(SEED)

        assert report.replace_table(page, "pull secrets", table) == page
        assert report.replace_table(page, "pull secrets", "") == page.replace(table, "")
        with pytest.raises(ValueError, match="no place for the table of fleets"):
            report.replace_table("text", "fleets", table)

    def test_another_seed_gives_another_day(self) -> None:
        """The same seed gives the same one."""
        days = [play(QUICK[0], WITH, seed) for seed in (1, 1, 2)]

        assert days[0] == days[1] != days[2]
        assert all(any(astuple(day)) for day in days)
