"""Failures are reported to a webhook: real runs, real sensors, a real web server."""

from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData

from pipelines.automation import webhook
from pipelines.automation.alerts import REPORT_FAILED_SYMBOLS, REPORT_FAILURES
from pipelines.automation.webhook import ATTEMPTS, WebhookError, post
from tests.pipelines.webhook_server import SECRET, WebhookServer, running_webhook
from tests.project import SYMBOLS, Project

PRICES = ["prices", "backtests/rsi"]


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebhookServer]:
    monkeypatch.setattr(webhook, "_LONGEST_WAIT_SECONDS", 0.0)
    with running_webhook() as running:
        monkeypatch.setenv("GAUNTLET_WEBHOOK", running.url)
        yield running


class Watch:
    """A sensor of a project, evaluated as the daemon does; it sees runs that end from now on."""

    def __init__(self, project: Project, sensor: str) -> None:
        self._project, self._sensor = project, sensor
        self._cursor: str | None = None
        self.look()

    def look(self) -> SensorExecutionData:
        repository = self._project.definitions().get_repository_def()
        context = dg.build_sensor_context(
            self._project.instance,
            repository_def=repository,
            cursor=self._cursor,
            resources={"result_store": self._project.result_store},
        )
        # A run in this process has no repository, so the sensor must have none either.
        context._repository_name = None
        seen = repository.get_sensor_def(self._sensor).evaluate_tick(context)
        self._cursor = seen.cursor
        return seen


def _error(seen: SensorExecutionData) -> str:
    (reaction,) = seen.dagster_run_reactions or []
    return str(reaction.error) if reaction.error else ""


def _spoil(project: Project, count: int) -> None:
    for symbol in SYMBOLS[:count]:
        project.spoil(symbol)


def test_a_failed_run_is_reported_once(
    project: Project, hook: WebhookServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GAUNTLET_URL", "https://dagster.example/")
    watch = Watch(project, REPORT_FAILURES)
    _spoil(project, 4)
    run = project.run(selection=PRICES, tags={"user": "ann"})
    assert not run.success
    assert _error(watch.look()) == ""
    (report,) = hook.reports
    reason = project.why(run)
    assert reason.startswith("check success_rate_above_threshold of prices failed.")
    assert report == {
        "text": f"Run {run.run_id} of test_job failed: {reason}",
        "event": "run_failed",
        "run_id": run.run_id,
        "job": "test_job",
        "user": "ann",
        "attempt": 0,
        "reason": reason,
        "symbols_failed": 4,
        "symbols": list(SYMBOLS[:4]),
        "checks": report["checks"],
        "url": f"https://dagster.example/runs/{run.run_id}",
    }
    assert "prices: success_rate_above_threshold" in report["checks"]
    watch.look()
    assert len(hook.reports) == 1, "reported once"


def test_without_a_webhook_the_sensor_skips(
    project: Project, hook: WebhookServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("GAUNTLET_WEBHOOK")
    watch = Watch(project, REPORT_FAILURES)
    _spoil(project, 4)
    run = project.run(selection=PRICES)
    message = watch.look().skip_message
    assert message == f"GAUNTLET_WEBHOOK is not set: run {run.run_id} is not reported."
    assert not hook.reports


def test_failed_symbols_are_reported_by_a_separate_sensor(project: Project, hook: WebhookServer):
    failures, symbols = Watch(project, REPORT_FAILURES), Watch(project, REPORT_FAILED_SYMBOLS)
    _spoil(project, 1)
    assert project.run(selection=PRICES).success
    failures.look()
    assert not hook.reports
    symbols.look()
    (report,) = hook.reports
    assert (report["event"], report["symbols"]) == ("symbols_failed", ["S00"])
    (failure,) = project.manager.get_failures(report["run_id"])
    told = f"1 symbols failed in run {report['run_id']}; the first: {failure['message']}"
    assert (report["text"], report["reason"]) == (told, failure["message"])
    assert report["url"] is None
    project.fix("S00")
    assert project.run("S00", selection=PRICES).success
    assert "No symbol is known to have failed" in str(symbols.look().skip_message)
    assert len(hook.reports) == 1


def test_a_refused_report_fails_the_tick_without_the_secret(
    project: Project, hook: WebhookServer, capfd: pytest.CaptureFixture[str]
):
    watch = Watch(project, REPORT_FAILURES)
    hook.answers = [403]
    _spoil(project, 4)
    assert not project.run(selection=["prices"]).success
    seen = watch.look()
    assert "GAUNTLET_WEBHOOK answered 403: report not accepted." in _error(seen)
    assert len(hook.reports) == 1, "a refused report is not sent again"
    assert not project.run(selection=["prices"]).success
    watch.look()
    assert len(hook.reports) == 2
    assert SECRET not in repr(seen) + "".join(capfd.readouterr())


def test_a_report_needs_no_result_store(project: Project, hook: WebhookServer):
    watch = Watch(project, REPORT_FAILURES)
    _spoil(project, 4)
    assert not project.run(selection=["prices"]).success
    project.result_store = type(project.result_store)(
        database_url="postgresql://nobody@127.0.0.1:1/none",
        home=str(project.folder),
        retry_timeout_seconds=0,
    )
    watch.look()
    (report,) = hook.reports
    assert (report["symbols_failed"], report["symbols"]) == (None, None)


def test_transient_errors_are_retried_up_to_a_limit(hook: WebhookServer):
    hook.answers = [503, 429]
    post(hook.url, {"n": 1})
    assert hook.reports == [{"n": 1}] * 3
    hook.answers = [500] * 10
    with pytest.raises(WebhookError, match="answered 500"):
        post(hook.url, {"n": 2})
    assert hook.reports.count({"n": 2}) == ATTEMPTS


def test_a_redirect_is_not_followed(hook: WebhookServer):
    hook.answers = [302]
    with pytest.raises(WebhookError, match="answered 302"):
        post(hook.url, {})
    assert len(hook.paths) == 1


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (f"http://127.0.0.1:1/{SECRET}", "could not be reached"),
        (f"file:///etc/{SECRET}", "is not a URL that starts with"),
        (f"http://[{SECRET}", "is not a URL that starts with"),
        (f"http://127.0.0.1:{SECRET}/", "is not a URL that starts with"),
        (f"http://127.0.0.1:1/{SECRET} and a space", "could not be reached"),
    ],
)
def test_an_invalid_url_is_not_shown(url: str, message: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(webhook, "_LONGEST_WAIT_SECONDS", 0.0)
    with pytest.raises(WebhookError, match=message) as raised:
        post(url, {})
    assert SECRET not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None or raised.value.__suppress_context__


def test_the_definitions_have_no_secret(hook: WebhookServer, project: Project):
    repository = project.definitions().get_repository_def()
    shown = [vars(repository.get_sensor_def(n)) for n in (REPORT_FAILURES, REPORT_FAILED_SYMBOLS)]
    assert SECRET not in repr(shown)
