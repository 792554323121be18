"""The incident, step by step: what a team lives through with one model, in two minutes."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from examples.walkthrough import charts, churn, insights, model, traffic
from examples.walkthrough import features as store
from examples.walkthrough.cdk import Cdk
from examples.walkthrough.deployed import Deployed
from examples.walkthrough.embedded import EmbeddedAws
from examples.walkthrough.page import Chapter, FeatureUse, write_page
from examples.walkthrough.processes import Guardian
from examples.walkthrough.story import Step, Story
from examples.walkthrough.training import Training
from stacks.settings import endpoint_name, feature_group_name, load, prefix

ROOT = Path(__file__).resolve().parent.parent.parent
ENVIRONMENT = ROOT / "environments" / "local.yaml"
MODEL, GROUP = "churn", "customers"
REQUESTS = 1000
DRIFTING = {"total_day_minutes", "number_customer_service_calls"}


@dataclass
class Version:
    """One registered version and what became of it."""

    arn: str
    number: int
    story: str
    fate: str = "registered"


class Scenario:
    """The steps, in order; every step reads what really happened from the embedded AWS."""

    def __init__(self, story: Story, guardian: Guardian, folder: Path) -> None:
        self._story = story
        self._guardian = guardian
        self._folder = folder
        self._settings = load(ENVIRONMENT)
        self._prefix = prefix(self._settings.project, ENVIRONMENT.stem)
        self.endpoint = endpoint_name(self._settings.project, ENVIRONMENT.stem, MODEL)
        registry = self._settings.models[MODEL].registry
        assert registry is not None
        self._group = registry.group
        self.aws: EmbeddedAws | None = None
        self._versions: list[Version] = []
        self._windows: list[tuple[str, datetime]] = []
        self._chapters: list[Chapter] = []
        self._answers: dict[str, traffic.Answers] = {}
        self._use = FeatureUse()
        self._insights: insights.Report | None = None

    def run(self) -> None:
        """All of it; raises StoryEnded at the first difference."""
        self._start()
        self._deploy_without_a_model()
        self._ingest_history()
        self._train_and_register_first()
        self._approve_first()
        self._quiet_hour()
        self._bad_hour()
        self._retrain_by_itself()
        self._roll_out_better_version()
        self._quiet_again()
        self._roll_back_broken_version()
        self._deploy_again()
        self._ask_what_to_do()

    # -- the system ------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        with self._story.step(
            "Start the embedded AWS", expect="one process on the loopback interface, no account, no Docker"
        ) as step:
            self.aws = EmbeddedAws(
                self._guardian, account=self._settings.account, region=self._settings.region, folder=self._folder
            )
            self._live = Deployed(self.aws, prefix=self._prefix, model=MODEL)
            self._sagemaker = self.aws.client("sagemaker")
            self._runtime = self.aws.client("sagemaker-runtime")
            self._cdk = Cdk(
                self._guardian, environment=ENVIRONMENT.stem, variables=self.aws.variables, folder=self._folder
            )
            step.observe(f"{self.aws.url}, account {self._settings.account}, {self._settings.region}")

    def _deploy_without_a_model(self) -> None:
        with self._story.step(
            "cdk deploy, before any model exists",
            expect="every stack of environments/local.yaml is created; no endpoint yet, and no alarm about that",
        ) as step:
            # No `cdk bootstrap`: the embedded AWS has done its work when the CLI first asks for the bootstrap's roles.
            self._cdk.run("deploy", "**", "--require-approval", "never", progress=step.progress)
            stacks = self._live.stacks()
            step.observe(", ".join(f"{name} {status}" for name, status in sorted(stacks.items())))
            step.check(len(stacks) >= 4, f"expected at least four stacks, found {len(stacks)}")
            step.check(set(stacks.values()) == {"CREATE_COMPLETE"}, "expected CREATE_COMPLETE for all of them")
            step.check(self._live.endpoint_status() == "", "expected no endpoint before a version is approved")
            step.check(not self._live.alarms_in("ALARM"), "expected no alarm")

    # -- version 1 -------------------------------------------------------------------------------------------------

    def _ingest_history(self) -> None:
        with self._story.step(
            "Write the customers' history into the feature store",
            expect="5,000 customers, a second record of those who left; what is broken is kept aside, nothing else",
        ) as step:
            assert self.aws is not None
            self._feature_group = feature_group_name(self._settings.project, ENVIRONMENT.stem, GROUP)
            self._features = store.Customers(
                self.aws,
                group=self._feature_group,
                workgroup=self._live.output("FeatureStore", "WorkgroupName"),
            )
            # At the start of an hour: one run of the group's monitor sees all of it, whenever the demo is started.
            self._ingested = self._next_hour()
            everybody, now = churn.load(), self.aws.now()
            answered, _ = churn.split(everybody)
            self._history = store.History.until(now)
            rejected = self._folder / "rejected.jsonl"
            report = self._features.ingest(
                store.records(everybody, self._history.known),
                store.after_leaving(answered, self._history.left),
                store.broken(now),
                now=now,
                dead_letters=rejected,
            )
            step.observe(f"{report.written:,} records written in {report.seconds:.1f} s, {report.rejected} rejected")
            self._use.written = report.written
            self._use.rejected = [json.loads(line)["reason"] for line in rejected.read_text().splitlines()]
            for reason in self._use.rejected:
                step.observe(f"  {reason}")
            step.check(report.written == len(everybody) + answered.left.sum(), "expected all good records")
            step.check(report.rejected == 2, f"expected 2 rejected records, got {report.rejected}")
            self._everybody = everybody

    def _train_and_register_first(self) -> None:
        with self._story.step(
            "Train on what was known then: the pipeline registers version 1 with its baselines",
            expect="a point-in-time query sees nothing of the calls by which customers cancelled; AUC above 0.85",
        ) as step:
            assert self.aws is not None
            step.progress("querying the offline store")
            honest, misled = self._history_against_newest(step)
            self._use.auc, self._use.misled_auc = honest, misled
            step.check(misled < honest - 0.05, f"newest records should mislead, the AUC with them is {misled:.3f}")
            step.observe(f"trained on everybody's newest record instead: AUC {misled:.3f} on the same customers")
            self._training = Training(self.aws, self._live, self._group)
            self._training.bring(self._customers)
            self._training.start()
            package = self._wait_for_version(step, 1, "trained on the customers as they were")
            report = self._training.evaluation(package)
            auc = report["binary_classification_metrics"]["auc"]["value"]
            step.check(auc > 0.85, f"expected an AUC above 0.85, got {auc:.3f}")
            strongest = ", ".join(list(report["feature_importance"])[:3])
            step.observe(f"{self._training.pipeline} registered version 1: AUC {auc:.3f}, strongest {strongest}")

    def _history_against_newest(self, step: Step) -> tuple[float, float]:
        """How well a model does that was trained on the point-in-time records, and one on the newest records."""
        table, found = self._features.training_set(self._everybody, self._history.asked)
        self._use.sql, self._use.scanned_bytes = found.sql, found.scanned_bytes
        same = bool((table.features == self._everybody.features).all())
        step.check(same, "the training set differs from what was known when the question was asked")
        step.observe(f"training set: {len(table):,} customers, {found.scanned_bytes / 1024:,.0f} KiB scanned by Athena")
        self._customers, self._held_out = churn.split(table)
        newest, _ = churn.split(self._features.newest(self._everybody))
        return model.auc(self._customers, self._held_out), model.auc(newest, self._held_out)

    def _approve_first(self) -> None:
        with self._story.step(
            "Approve version 1",
            expect="the deploy Lambda sees the approval and updates the stack; the endpoint comes up with version 1",
        ) as step:
            self._approve(1)
            self._wait_until_live(step, 1)
            (customer,) = churn.sample(self._held_out, 1, 1)
            answer = self._runtime.invoke_endpoint(
                EndpointName=self.endpoint, ContentType="text/csv", Body=self._features.bodies([customer])[0]
            )["Body"].read()
            step.observe(
                f"{self.endpoint} is InService; customer {customer} leaves with probability {float(answer):.3f}"
            )
            self._versions[0].fate = "live"

    # -- watching --------------------------------------------------------------------------------------------------

    def _quiet_hour(self) -> None:
        with self._story.step(
            "An hour of ordinary traffic",
            expect="callers look features up online; every request answered and captured, no violation, no alarm",
        ) as step:
            window = self._next_hour()
            answers = self._send(step, self._bodies(churn.sample(self._held_out, REQUESTS, seed=3)))
            violations = self._monitor(step, "ordinary traffic", window)
            written_in_run = self._ingested + timedelta(hours=1)
            self._wait_for_features_report(step, written_in_run)
            self._live.accept_features(self._feature_group, written_in_run)
            step.observe("what was written into the feature group so far is the baseline of its own monitor")
            self._answers["ordinary traffic"] = answers
            step.check(answers.failed == 0, f"{answers.failed} requests failed: {answers.first_failure}")
            step.check(not violations, f"expected no violation, found {violations}")
            step.check(not self._live.alarms_in("ALARM"), f"expected no alarm, found {self._live.alarms_in('ALARM')}")

    def _bad_hour(self) -> None:
        with self._story.step(
            "An hour after a price change, with a broken client",
            expect="drift in daytime minutes and hotline calls, missing values found; three alarms, one e-mail",
        ) as step:
            assert self.aws is not None
            mails = len(self.aws.inbox())
            window = self._next_hour()
            step.progress("the tariff changes: new records of every customer")
            now = self.aws.now()
            self._features.ingest(store.records(churn.after_price_change(self._everybody), now), now=now)
            changed, _ = churn.split(self._features.training_set(self._everybody, now)[0])
            self._training.bring(changed)
            bodies = self._bodies(churn.sample(self._held_out, REQUESTS, seed=4))
            answers = self._send(step, churn.with_gaps(bodies, share=0.15, seed=5))
            violations = self._monitor(step, "after the price change", window)
            self._answers["after the price change"] = answers
            drifted = {v["feature_name"] for v in violations if v["constraint_check_type"] == "baseline_drift_check"}
            written = self._wait_for_features_report(step, window + timedelta(hours=1))
            step.observe(f"the feature group's monitor found {len(written)} violations in the new records, one source")
            step.check(
                {v["feature_name"] for v in written} >= DRIFTING,
                f"expected {sorted(DRIFTING)} there too, got {written}",
            )
            step.check(drifted >= DRIFTING, f"expected drift in {sorted(DRIFTING)}, found it in {sorted(drifted)}")
            incomplete = {v["feature_name"] for v in violations if v["constraint_check_type"] == "completeness_check"}
            step.check(
                incomplete == {"total_intl_minutes"}, f"expected missing international minutes, got {incomplete}"
            )
            step.wait(lambda: bool(self._live.alarms_in("ALARM")), for_what="an alarm", meanwhile=self._minute)
            step.wait(lambda: bool(self._told_of_incidents(mails)), for_what="an e-mail", meanwhile=self._minute)
            alarms = self._live.alarms_in("ALARM")
            step.observe(f"in ALARM: {', '.join(sorted(alarms))}")
            told = self._told_of_incidents(mails)
            step.observe(f"e-mail: {told[0]}")
            step.check(len(alarms) >= 3 and len(told) == 1, f"expected one e-mail about three alarms, got {told}")

    # -- rolling out and back --------------------------------------------------------------------------------------

    def _retrain_by_itself(self) -> None:
        with self._story.step(
            "The drift has started the training pipeline by itself",
            expect="version 2 is better than version 1 on the same customers, says why it was made, waits for approval",
        ) as step:
            package = self._wait_for_version(step, 2, "retrained after the price change, on drift")
            why = package["CustomerMetadataProperties"]
            step.observe(f"{why['RetrainingReason']}: {why['RetrainingFeatures']}")
            step.check(set(why["RetrainingFeatures"].split()) >= DRIFTING, f"expected {sorted(DRIFTING)} among them")
            step.check(package["ModelApprovalStatus"] == "PendingManualApproval", "expected it to wait for approval")
            comparison = self._training.evaluation(package)["comparison"]
            step.observe(comparison["reason"])
            step.check(comparison["better"] == 1 and comparison["gain"] > 0, f"expected a better one: {comparison}")

    def _roll_out_better_version(self) -> None:
        with self._story.step(
            "Approve version 2 under traffic",
            expect="a canary takes half of the traffic, then the new fleet all of it; no request fails",
        ) as step:
            bodies = self._bodies(churn.sample(self._held_out, 500, seed=6))
            with traffic.Stream(self._runtime, self.endpoint, bodies) as stream:
                self._approve(2)
                self._wait_until_live(step, 2)
            answers = stream.answers
            self._answers["rolling out version 2"] = answers
            self._versions[0].fate, self._versions[1].fate = "replaced", "live"
            step.observe("version 2 is live")
            step.observe(f"{answers.answered} requests answered meanwhile, {answers.failed} failed, "
                         f"slowest {answers.slowest_seconds * 1000:.0f} ms")  # fmt: skip
            step.check(answers.answered > 50, "expected traffic during the rollout")
            step.check(answers.failed == 0, f"{answers.failed} requests failed: {answers.first_failure}")

    def _quiet_again(self) -> None:
        with self._story.step(
            "The same traffic against version 2's own baseline",
            expect="baseline and monitor moved with the version: no violation, the drift alarms are over",
        ) as step:
            window = self._next_hour()
            answers = self._send(step, self._bodies(churn.sample(self._held_out, REQUESTS, seed=7)))
            violations = self._monitor(step, "version 2", window)
            self._answers["version 2"] = answers
            step.check(answers.failed == 0, f"{answers.failed} requests failed: {answers.first_failure}")
            step.check(not violations, f"expected no violation, found {violations}")
            step.wait(lambda: not self._live.alarms_in("ALARM"), for_what="the alarms to end", meanwhile=self._minute)

    def _roll_back_broken_version(self) -> None:
        with self._story.step(
            "Approve version 3, which is broken",
            expect="the canary's errors raise the rollback alarm, version 2 comes back, version 3 is quarantined",
        ) as step:
            self._register("trained on too few columns", model.train_broken(self._customers))
            broken, healthy = self._versions[2], self._versions[1]
            bodies = self._bodies(churn.sample(self._held_out, 500, seed=8))
            with traffic.Stream(self._runtime, self.endpoint, bodies) as stream:
                self._approve(3)
                step.wait(
                    lambda: self._live.serving_status() == "UPDATE_ROLLBACK_COMPLETE",
                    for_what="the rollback", timeout_seconds=90, meanwhile=self._half_minute,
                )  # fmt: skip
                step.wait(lambda: bool(self._quarantined()), for_what="the quarantine", meanwhile=self._half_minute)
            answers = stream.answers
            self._answers["version 3, the broken one"] = answers
            broken.fate = "rolled back"
            step.check(self._live.live_version() == healthy.arn, f"{self._live.live_version()} is live, not version 2")
            reasons = [entry["reason"] for entry in self._quarantined() if entry["model_package_arn"] == broken.arn]
            step.check(bool(reasons), "version 3 is not in quarantine")
            step.observe(f"{answers.answered} requests answered, {answers.failed} failed on the canary")
            step.observe(f"version 3 in quarantine: {reasons[0] if reasons else ''}")
            after = traffic.send(self._runtime, self.endpoint, bodies[:100])
            step.check(after.failed == 0, f"{after.failed} requests failed after the rollback: {after.first_failure}")

    def _deploy_again(self) -> None:
        with self._story.step(
            "cdk diff and cdk deploy after all that",
            expect="no difference; the deploy changes nothing and version 2 stays live",
        ) as step:
            printed = self._cdk.run("diff", "**", progress=step.progress)
            step.check("Number of stacks with differences: 0" in printed, f"cdk diff printed: {printed[-800:]}")
            self._cdk.redeploy(progress=step.progress)
            live = self._live.parameters()["ModelPackageArn"]
            step.check(live == self._versions[1].arn, f"expected version 2 in the stack, found {live}")
            step.check(self._live.live_version() == self._versions[1].arn, "expected version 2 on the endpoint")
            step.observe(f"no differences; version {live.rsplit('/', 1)[-1]} is live")

    def _ask_what_to_do(self) -> None:
        with self._story.step(
            "Ask what to do: the insights report about this day",
            expect="first why version 3 is not live and what to do; then what else it saw, each with a next step",
        ) as step:
            assert self.aws is not None
            self._insights = report = insights.write(self.aws, self._live, self._next_hour(), self._folder / "insights")
            for item in report.advice[:3]:
                step.observe(f"[{item.urgency}] {item.title}: {item.step}")
            step.observe(f"{len(report.advice)} recommendations, the model {report.state}: {report.page}")
            first = report.advice[0].rule if report.advice else "nothing"
            step.check(first == "newer-version-not-live", f"expected a word about version 3 first, found {first}")

    # -- helpers ---------------------------------------------------------------------------------------------------

    def _wait_for_version(self, step: Step, number: int, story: str) -> dict[str, Any]:
        """The version that the pipeline registers; its failure is a difference."""

        def done() -> bool:
            failures = self._training.failures()
            step.require(not failures, f"the training pipeline failed: {failures}")
            return self._training.registered(number) is not None

        step.wait(done, for_what=f"the pipeline to register version {number}", timeout_seconds=180, pause_seconds=0.5)
        package = self._training.registered(number) or {}
        self._versions.append(Version(package["ModelPackageArn"], number, story))
        return package

    def _register(self, story: str, archive: bytes) -> None:
        """A version that no pipeline has looked at."""
        number = len(self._versions) + 1
        package = self._sagemaker.create_model_package(
            ModelPackageGroupName=self._group,
            ModelPackageDescription=story,
            ModelApprovalStatus="PendingManualApproval",
            InferenceSpecification={
                "Containers": [
                    {
                        "Image": model.XGBOOST_IMAGE,
                        "ModelDataUrl": self._live.upload("Models", f"{MODEL}/v{number}/model.tar.gz", archive),
                    }
                ],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
        )
        self._versions.append(Version(package["ModelPackageArn"], number, story))

    def _approve(self, number: int) -> None:
        self._sagemaker.update_model_package(
            ModelPackageArn=self._versions[number - 1].arn, ModelApprovalStatus="Approved"
        )

    def _wait_until_live(self, step: Step, number: int) -> None:
        package = self._versions[number - 1].arn
        step.wait(
            lambda: self._live.is_live(package),
            for_what=f"version {number} to be live (the clock runs ahead through bake times)",
            timeout_seconds=90, meanwhile=self._minute,
        )  # fmt: skip

    def _bodies(self, ids: list[str]) -> list[str]:
        """What a caller sends: the newest features of each customer, from the online store."""
        self._use.looked_up += len(ids)
        return self._features.bodies(ids)

    def _send(self, step: Step, bodies: list[str]) -> traffic.Answers:
        answers = traffic.send(
            self._runtime, self.endpoint, bodies,
            progress=lambda count: step.progress(f"{count} of {len(bodies)} requests answered"),
        )  # fmt: skip
        step.observe(f"{answers.answered} requests answered, {answers.failed} failed")
        return answers

    def _next_hour(self) -> datetime:
        """Move to the start of the next hour: the window that the coming traffic falls into."""
        assert self.aws is not None
        now = self.aws.now()
        start = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        self.aws.advance((start - now).total_seconds() + 60)
        return start

    def _monitor(self, step: Step, title: str, window: datetime) -> list[dict[str, str]]:
        """Let the hour pass, wait for the monitor's report, return its violations."""
        assert self.aws is not None
        run = window + timedelta(hours=1)
        self.aws.advance((run - self.aws.now()).total_seconds() + 15 * 60)
        step.wait(
            lambda: self._live.report(run, "constraint_violations.json") is not None, for_what="the monitor's report"
        )
        report = self._live.report(run, "constraint_violations.json") or {}
        violations: list[dict[str, str]] = report["violations"]
        statistics = self._live.report(run, "statistics.json") or {}
        records = statistics["dataset"]["item_count"]
        step.observe(f"the monitor read {records} records and found {len(violations)} violations")
        step.check(records >= REQUESTS, f"expected at least {REQUESTS} captured records, the monitor read {records}")
        for violation in violations[:4]:
            step.observe(f"  {violation['feature_name']}: {violation['constraint_check_type']}")
        self._windows.append((title, window))
        page = self._live.report_file(run, "report.html")
        name = f"monitor-{len(self._windows)}.html"
        if page:
            (self._folder / name).write_bytes(page)
        self._chapters.append(Chapter(title, window, records, violations, name if page else None))
        return violations

    def _wait_for_features_report(self, step: Step, run: datetime) -> list[dict[str, str]]:
        """Violations that the feature group's own monitor found."""
        name = "constraint_violations.json"
        step.wait(
            lambda: self._live.features_report(self._feature_group, run, name) is not None,
            for_what="the report about the feature group",
        )
        violations: list[dict[str, str]] = json.loads(
            self._live.features_report(self._feature_group, run, name) or b"{}"
        )["violations"]
        return violations

    def _told_of_incidents(self, since: int) -> list[str]:
        """Subjects of e-mails about incidents of the model, after so many e-mails."""
        assert self.aws is not None
        subjects = [str(message.get("subject", "")) for message in self.aws.inbox()[since:]]
        return [subject for subject in subjects if f"{self.endpoint}-incident-" in subject]

    def _minute(self) -> None:
        assert self.aws is not None
        self.aws.advance(60)

    def _half_minute(self) -> None:
        assert self.aws is not None
        self.aws.advance(30)

    def _quarantined(self) -> list[dict[str, Any]]:
        assert self.aws is not None
        ssm = self.aws.client("ssm")
        found = ssm.get_parameters(Names=[f"/{self._prefix}/quarantine/{MODEL}"])["Parameters"]
        return list(json.loads(found[0]["Value"])) if found else []

    def write_page(self) -> Path | None:
        """Write the HTML page of what happened; None if nothing did."""
        if self.aws is None or not self._chapters:
            return None
        whole = (self._windows[0][1] - timedelta(hours=1), self.aws.now())
        page = write_page(
            self._folder / "walkthrough.html",
            steps=self._story.steps,
            chapters=self._chapters,
            versions=[(v.number, v.story, v.fate) for v in self._versions],
            drift={
                feature: self._live.drift(feature, self._windows[0][1], self._windows[-1][1])
                for feature in (churn.PREDICTION, *churn.FEATURES)
            },
            alarms=self._live.alarm_history(),
            answers={name: (a.answered, a.failed) for name, a in self._answers.items()},
            features=self._use,
            insights=self._insights,
            dashboard=charts.html(self._live.dashboard(*whole), *whole),
        )
        shutil.copyfile(page, self._folder / "index.html")
        return page
