"""Every mistake in an environment file is reported with its place, its value and what to do; never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stacks.settings import SettingsError, load, load_all

# A correct file; each case replaces one line or more. Line numbers in the cases count from 1.
CORRECT = """\
account: "111111111111"
region: eu-west-1
tags: {team: risk}
notifications: {email: [ml@example.com]}
models:
  churn:
    registry: {group: churn}
    endpoint:
      instance_type: ml.m5.large
      instance_count: 2
      capture: {content: csv}
      rollout: {strategy: canary, percent: 10}
    monitors:
      data_quality: {schedule: hourly}
"""

# (id, line to replace or 0 for the whole file, new text, line that the report names, words that it contains)
MISTAKES: list[tuple[str, int, str, int | None, list[str]]] = [
    ("empty file", 0, "", 1, ["is empty"]),
    ("only comments", 0, "# nothing\n", 1, ["is empty"]),
    ("a list", 0, "- a\n- b\n", 1, ["must be a mapping"]),
    ("a scalar", 0, "prod\n", 1, ["must be a mapping"]),
    ("two documents", 0, CORRECT + "---\na: 1\n", 16, ["second document", "remove the line ---"]),
    ("unclosed bracket", 4, "notifications: {email: [a@b.de", None, ["is not valid YAML"]),
    ("tab", 7, "\tregistry: {group: churn}", 7, ["a tab", "indent with spaces"]),
    ("tab after key's spaces", 7, "    \tregistry: {group: churn}", 7, ["a tab", "spaces"]),
    ("wrong indentation", 8, "   endpoint:", 8, ["is not valid YAML"]),
    ("duplicate key", 2, "region: eu-west-1\nregion: eu-west-2", 3, ["region: is given twice; the first is on line 2"]),
    ("unknown alias", 3, "tags: *common", 3, ["undefined alias"]),
    ("alias containing itself", 3, "tags: &t {a: *t}", None, ["alias contains itself"]),
    ("merge of text", 3, "tags: {<<: text}", 3, ["<< needs a mapping"]),
    (
        "python tag",
        3,
        "tags: !!python/object:os.system {a: b}",
        3,
        ["the tag python/object:os.system is not supported"],
    ),
    ("scalar tag", 2, "region: !!binary aGk=", 2, ["the tag binary is not supported", "remove the tag"]),
    ("number as key", 3, "tags: {1: a}", 3, ["the key 1 is not text", "put quotes around it"]),
    (
        "account not quoted",
        1,
        "account: 111111111111",
        1,
        ["account: must be text", 'put quotes around it: "111111111111"'],
    ),
    ("account with leading zero", 1, "account: 012345678901", 1, ['put quotes around it: "012345678901"']),
    ("account too short", 1, 'account: "1234"', 1, ['"1234"', "12 digits, in quotes"]),
    ("missing key", 1, "project: mlops", 1, ["account: is missing", "12 digits"]),
    ("not a region", 2, "region: Ireland", 2, ['"Ireland"', "for example eu-west-1"]),
    ("unknown key with a near one", 2, "regoin: eu-west-1", 2, ["regoin: unknown key", "did you mean region?"]),
    ("camel case", 9, "      instanceType: ml.m5.large", 9, ["unknown key", "did you mean instance_type?"]),
    ("hyphens", 10, "      instance-count: 2", 10, ["did you mean instance_count?"]),
    (
        "promoted by strangers",
        7,
        '    registry: {group: churn, share_with_accounts: ["222222222222"], promoted_by_accounts: ["333333333333"]}',
        7,
        ["promoted_by_accounts", "333333333333", "share_with_accounts"],
    ),
    (
        "a stage that follows itself",
        7,
        "    registry: {group: churn, promotion: {stage: live, next_stage: live}}",
        7,
        ["next_stage", "the stage of this environment itself"],
    ),
    (
        "an order of nothing",
        7,
        "    registry: {group: churn, promotion: {healthy_minutes: 5}}",
        7,
        ["stage, after or next_stage"],
    ),
    (
        "key at the wrong place",
        7,
        "    registry: {group: churn}\n    instance_count: 2",
        8,
        ["unknown key", "it belongs at models.churn.endpoint.instance_count"],
    ),
    ("unknown key without a near one", 3, "zzz: 1", 3, ["zzz: unknown key", "project, account, region"]),
    (
        "value close to an allowed one",
        12,
        "      rollout: {strategy: canery}",
        12,
        ["canary, linear", "did you mean canary?"],
    ),
    ("number out of range", 12, "      rollout: {strategy: canary, percent: 60}", 12, ["60", "from 1 to 50"]),
    ("fraction for a whole number", 10, "      instance_count: 1.5", 10, ["1.5", "a whole number from 1 to 1000"]),
    ("text for a number", 10, '      instance_count: "2"', 10, ["must be a whole number", "write 2, without quotes"]),
    (
        "percent sign",
        11,
        "      capture: {sampling_percentage: 50%}",
        11,
        ["must be a whole number", "write 50, without quotes or unit"],
    ),
    ("yes for true", 10, "      frozen: yes", 10, ["must be true or false", "write true"]),
    ("number for true", 10, "      frozen: 1", 10, ["1 (a number)", "true or false"]),
    ("text for a list", 4, "notifications: {email: a@b.de}", 4, ["must be a list", "write it as a list: [a@b.de]"]),
    (
        "wrong item of a list",
        4,
        "notifications: {email: [a@b.de, nobody]}",
        4,
        ["notifications.email[1]", "an e-mail address"],
    ),
    ("list for a mapping", 3, "tags: [a, b]", 3, ["a list of 2", "a mapping"]),
    ("text for a mapping", 8, "    endpoint: ml.m5.large\n    x:", 8, ["endpoint", "a mapping with instance_type"]),
    ("key without a value", 2, "region:", 2, ["has no value", "give it one, or remove the key"]),
    (
        "number as tag",
        3,
        "tags: {cost_center: 42}",
        3,
        ["tags.cost_center: must be text", 'put quotes around it: "42"'],
    ),
    ("tag that AWS refuses", 3, 'tags: {team: "R&D"}', 3, ["tags.team", '"R&D"', "letters, digits, spaces and"]),
    ("what cannot be seen", 3, 'tags: {"team\u200b": x}', 3, ['"team\\u200b"']),
    ("a number where quotes do not help", 3, "project: 7", 3, ["project: must be text", "lower-case letters"]),
    (
        "id of a security group",
        3,
        "network: {vpc_id: x, subnet_ids: [sn-1]}",
        3,
        ["such as vpc-0a1b2c3d", "subnet-0a1b2c3d"],
    ),
    ("reserved tag", 3, "tags: {aws:x: y}", 3, ["AWS's own"]),
    ("qualifier", 3, "bootstrap_qualifier: ML-Team", 3, ['"ML-Team"', "1 to 10 lower-case letters and digits"]),
    ("boundary", 3, "permissions_boundary: arn:aws:iam::1:role/x", 3, ["the name of a managed policy", "or an ARN"]),
    (
        "another account's boundary",
        3,
        "permissions_boundary: arn:aws:iam::222222222222:policy/x",
        3,
        ["a policy of account 222222222222", "create it in 111111111111 too"],
    ),
    ("name with capitals", 6, "  Churn:", 6, ["models.Churn: this name cannot be used", "lower-case letters"]),
    ("not an instance type", 9, "      instance_type: m5.large", 9, ["for example ml.m5.large"]),
    ("bad schedule", 14, "      data_quality: {schedule: weekly}", 14, ["hourly, daily, or cron("]),
    (
        "uneven schedule",
        14,
        '      data_quality: {schedule: "cron(0 1,7 * * ? *)"}',
        14,
        ["6 and 18 hours apart", "give period_hours"],
    ),
    ("needless period", 14, "      data_quality: {period_hours: 2}", 14, ["remove period_hours"]),
    ("cron without quotes", 14, "      data_quality: {schedule: cron(0 1,7 * * ? *)}", 14, ["put quotes around"]),
    ("no models", 5, "models: {}\nx:", 5, ["an empty mapping", "at least 1"]),
    (
        "asked without rows",
        14,
        "      attribution: {shadow_endpoint: {}}",
        14,
        ["attribution.shadow_endpoint", "add shap_baseline"],
    ),
    (
        "rows of another width",
        14,
        "      attribution: {columns: [a, b], shap_baseline: [[1]]}",
        14,
        ["attribution.shap_baseline", "of which columns names 2"],
    ),
    (
        "alarm on no column",
        14,
        "      attribution: {columns: [a], alarm_features: {b: 0.5}}",
        14,
        ["attribution.alarm_features", "none of the columns: b"],
    ),
    ("data nowhere", 14, "      baseline_data: {}", 14, ["baseline_data.prefix", "add prefix, or from_version: true"]),
    (
        "data in two places",
        14,
        "      baseline_data: {prefix: a, from_version: true}",
        14,
        ["baseline_data.prefix", "remove prefix, or from_version"],
    ),
    ("agreement above one", 14, "      attribution: {drift_threshold: 2}", 14, ["attribution.drift_threshold"]),
    ("quality of what", 14, "      model_quality: {schedule: daily}", 14, ["model_quality.problem: is missing"]),
    (
        "unknown problem",
        14,
        "      model_quality: {problem: binary-clasification}",
        14,
        ["did you mean binary-classification?"],
    ),
    (
        "half a window",
        14,
        "      model_quality: {problem: regression, end_time_offset: -P1D}",
        14,
        ["model_quality.end_time_offset", "add start_time_offset"],
    ),
    (
        "window in minutes",
        14,
        "      model_quality: {problem: regression, start_time_offset: -PT90M, end_time_offset: PT0H}",
        14,
        ["start_time_offset", '"-PT90M"', "such as -P8D"],
    ),
    (
        "two windows",
        14,
        '      model_quality: {problem: regression, schedule: "cron(0 1 * * ? *)", period_hours: 24, '
        "start_time_offset: -P2D, end_time_offset: -P1D}",
        14,
        ["remove period_hours"],
    ),
    (
        "probability of a number",
        14,
        "      model_quality: {problem: regression, probability_threshold: 0.3}",
        14,
        ["remove probability_threshold"],
    ),
    (
        "column as a number",
        14,
        "      model_quality: {problem: regression, inference_attribute: 0}",
        14,
        ["inference_attribute", 'put quotes around it: "0"'],
    ),
    ("bias of a name", 14, "      bias: {facet: gender}", 13, ["captured CSV has no names", 'facet: "3"']),
    (
        "facet that is no column",
        14,
        "      bias: {facet: gender, columns: [age, sex]}",
        14,
        ["bias.columns", "gender is none of them"],
    ),
    (
        "two groups",
        14,
        '      bias: {facet: "0", disadvantaged: [a], disadvantaged_above: 4}',
        14,
        ["bias.disadvantaged_above", "remove one of the two"],
    ),
    (
        "alarm on nobody's bias",
        14,
        '      bias: {facet: "0", alarm_metrics: {DPPL: 0.1}}',
        14,
        ["bias.alarm_metrics", "add disadvantaged"],
    ),
    (
        "labels without a doubt",
        14,
        '      bias: {facet: "0", max_unlabelled_share: 1}',
        14,
        ["bias.max_unlabelled_share", "from 0 below 1"],
    ),
    ("group without features", 3, "feature_groups: {a: {record_id: i, event_time: t}}", 3, ["features: is missing"]),
    (
        "group without a store",
        3,
        "feature_groups: {a: {record_id: i, event_time: t, features: {i: string, t: string}}}",
        3,
        ["feature_groups.a.online", "a group needs a store"],
    ),
    (
        "identifier that is no feature",
        3,
        "feature_groups: {a: {record_id: id, event_time: t, features: {i: string, t: string}, online: true}}",
        3,
        ["feature_groups.a.record_id", "id is none of the features"],
    ),
    (
        "all that is wrong with a group",
        3,
        "feature_groups: {a: {record_id: id, event_time: t, features: {i: string, t: integral}}}",
        3,
        ["id is none of the features", "t is integral", "a group needs a store", "3 mistakes"],
    ),
    (
        "event time of the wrong type",
        3,
        "feature_groups: {a: {record_id: i, event_time: t, features: {i: string, t: integral}, online: true}}",
        3,
        ["feature_groups.a.event_time", "string (ISO 8601) and fractional"],
    ),
    (
        "type of a feature",
        3,
        "feature_groups: {a: {record_id: i, event_time: t, features: {i: string, t: strin}, online: true}}",
        3,
        ["feature_groups.a.features.t", '"strin"', "integral, fractional, string", "did you mean string?"],
    ),
    (
        "format of the offline store",
        3,
        "feature_groups: {a: {record_id: i, event_time: t, features: {i: string, t: string}, offline: iceburg}}",
        3,
        ["feature_groups.a.offline", '"iceburg"', "did you mean iceberg?"],
    ),
    (
        "time to live without a unit",
        3,
        "feature_groups: {a: {record_id: i, event_time: t, features: {i: string, t: string}, online: {ttl: 30}}}",
        3,
        ["feature_groups.a.online.ttl", "such as 30 days"],
    ),
    (
        "monitor of a group without offline records",
        3,
        "feature_groups: {a: {record_id: i, event_time: t, features: {i: string, t: string}, online: true, "
        "monitors: {data_quality: {}}}}",
        3,
        ["feature_groups.a.monitors", "there are none; set offline: glue"],
    ),
    (
        "monitor of a feature that is none",
        3,
        "feature_groups: {a: {record_id: i, event_time: t, features: {i: string, t: string, x: integral}, "
        "offline: glue, monitors: {data_quality: {alarm_features: [t, y]}}}}",
        3,
        ["feature_groups.a.monitors", "data_quality names t, y; features are x"],
    ),
    (
        "name of a group that is too long",
        3,
        f"feature_groups: {{{'a' * 40}: {{}}}}\nproject: {'p' * 20}",
        3,
        ["the feature group's name becomes too long", "<project>-<environment>-<group>"],
    ),
    (
        "retraining without training",
        7,
        "    registry: {group: churn}\n    on_drift: retrain",
        8,
        ["there is nothing to start; add training"],
    ),
    (
        "unknown engine",
        3,
        "defaults: {monitoring: {engine: flink}}",
        3,
        ["defaults.monitoring.engine", "auto, lambda, processing, spark, container, model-monitor"],
    ),
    (
        "settings of another engine",
        3,
        "defaults: {monitoring: {engine: {type: lambda, instance_count: 3, volume_gb: 9, environment: {A: b}}}}",
        3,
        [
            "instance_count belongs to spark, container, model-monitor",
            "volume_gb belongs to auto, processing",
            "environment belongs to container;",
        ],
    ),
    (
        "container without an image",
        3,
        "defaults: {monitoring: {engine: {type: container, memory_mb: 900}}}",
        3,
        ["memory_mb belongs to auto, lambda", "an image of your own; give its URI as image"],
    ),
    (
        "script that is none",
        14,
        "      data_quality: {preprocessor: scripts/rows.sh}",
        14,
        ["preprocessor", "a path from the repository's root, or an S3 URI, that ends in .py"],
    ),
    (
        "instance type of EC2 for jobs",
        3,
        "defaults: {monitoring: {engine: {type: processing, instance_type: m5.large}}}",
        3,
        ["defaults.monitoring.engine.instance_type", "for example ml.m5.xlarge"],
    ),
    (
        "min above max",
        10,
        "      scaling: {min: 5, max: 2, invocations_per_instance: 100}",
        10,
        ["max is 2 but min is 5"],
    ),
    ("percent without steps", 12, "      rollout: {percent: 10}", 12, ["remove percent"]),
    ("canary of one instance", 10, "      instance_count: 1", 12, ["at least 2 instances; instance_count is 1"]),
    (
        "two sources",
        7,
        "    registry: {group: a}\n    container: {image: 111111111111.dkr.ecr.eu-west-1.amazonaws.com/a:1, model_data: s3://bucket/m.tar.gz}",
        8,
        ["remove one of the two"],
    ),
    ("no source", 7, "    # none", 6, ["registry", "say where versions come from"]),
    ("region without account", 7, "    registry: {group: a, region: eu-west-2}", 7, ["add account, or remove region"]),
    (
        "sharing what is not ours",
        7,
        '    registry: {group: a, account: "222222222222", share_with_accounts: ["333333333333"]}',
        7,
        ["only the environment that creates"],
    ),
    ("monitor without capture", 11, "      capture: null", 13, ["capture is turned off"]),
    ("monitor without inputs", 11, "      capture: {sides: output}", 13, ["captured inputs"]),
    ("feature twice", 14, "      data_quality: {include_features: [a, b, a]}", 14, ["named twice: a"]),
    (
        "alarm on unknown feature",
        14,
        "      data_quality: {include_features: [a], alarm_features: [b]}",
        14,
        ["not analysed", "see data: b"],
    ),
    (
        "own topic and addresses",
        4,
        "notifications: {email: [a@b.de], topic_arn: arn:aws:sns:eu-west-1:111111111111:t}",
        4,
        ["remove email"],
    ),
    (
        "composed name too long",
        5,
        "project: abcdefghijklmnopqrst\nmodels:\n  abcdefghijklmnopqrstuvwxyzabcdefghijklmn:\n"
        "    registry: {group: a}\n    endpoint: {instance_type: ml.m5.large}",
        7,
        ["abcdefghijklmnopqrst-a-long-environ-abcdefghijklmnopqrstuvwxyzabcdefghijklmn (76 characters)", "by 13"],
    ),
]


def write(folder: Path, line: int, text: str) -> Path:
    if line == 0:
        content = text
    else:
        lines = CORRECT.splitlines()
        lines[line - 1] = text
        content = "\n".join(lines) + "\n"
    # The longest name that an environment may have; the name is part of composed names.
    file = folder / "a-long-environ.yaml"
    file.write_text(content, encoding="utf-8")
    return file


def test_the_correct_file_is_correct(tmp_path: Path) -> None:
    assert load(write(tmp_path, 1, 'account: "111111111111"')).models["churn"].endpoint.instance_count == 2


@pytest.mark.parametrize(
    ("line", "text", "reported_line", "words"),
    [pytest.param(*case[1:], id=case[0]) for case in MISTAKES],
)
def test_mistake(tmp_path: Path, line: int, text: str, reported_line: int | None, words: list[str]) -> None:
    file = write(tmp_path, line, text)

    with pytest.raises(SettingsError) as caught:
        load(file)

    report = str(caught.value)
    if reported_line is not None:
        assert f"{file}:{reported_line}: " in report, report
    for word in words:
        assert word in report, report


def test_monitors_need_what_they_compare(tmp_path: Path) -> None:
    file = tmp_path / "prod.yaml"
    changed = CORRECT.replace("data_quality: {schedule: hourly}", 'bias: {facet: "0"}')
    file.write_text(changed.replace("{content: csv}", "{sides: input}"), encoding="utf-8")

    with pytest.raises(SettingsError, match=r"bias reads captured inputs and outputs, and .* use both"):
        load(file)

    changed = CORRECT.replace("data_quality: {schedule: hourly}", "model_quality: {problem: regression}")
    file.write_text(changed.replace("{content: csv}", "{sides: input}"), encoding="utf-8")

    with pytest.raises(SettingsError, match=r"model_quality reads captured outputs, and .* use both or output"):
        load(file)


def test_all_mistakes_of_all_files_are_in_one_report(tmp_path: Path) -> None:
    first, second = tmp_path / "dev.yaml", tmp_path / "prod.yaml"
    first.write_text(CORRECT.replace('"111111111111"', "111").replace("eu-west-1", "here"), encoding="utf-8")
    second.write_text(CORRECT.replace("hourly", "weekly"), encoding="utf-8")

    with pytest.raises(SettingsError) as caught:
        load_all([first, second])

    assert [len(problems) for problems in caught.value.problems.values()] == [2, 1]
    assert "3 mistakes in 2 environment files" in str(caught.value)


@pytest.mark.parametrize(
    ("region", "clashes"), [("eu-west-1", True), ("eu-west-2", False)], ids=["same region", "another region"]
)
def test_no_environments_names_begin_with_anothers(tmp_path: Path, region: str, clashes: bool) -> None:
    """Its controller's permissions are tied to how names begin; it must not be able to touch the other."""
    first, second = tmp_path / "prod.yaml", tmp_path / "prod-us.yaml"
    first.write_text(CORRECT, encoding="utf-8")
    second.write_text(CORRECT.replace("eu-west-1", region), encoding="utf-8")

    if not clashes:
        assert set(load_all([first, second])) == {"prod", "prod-us"}
        return
    with pytest.raises(SettingsError) as caught:
        load_all([first, second])
    assert list(caught.value.problems) == [first]
    assert "names of mlops-prod-us begin with mlops-prod-" in str(caught.value)
    assert "another account or region" in str(caught.value)


def test_problems_in_the_text_do_not_hide_problems_in_the_values(tmp_path: Path) -> None:
    file = tmp_path / "prod.yaml"
    file.write_text(CORRECT + 'region: eu-west-1\nremoval: keep\naccount: "1"\n', encoding="utf-8")

    with pytest.raises(SettingsError) as caught:
        load(file)

    assert "region: is given twice" in str(caught.value)
    assert "retain, destroy" in str(caught.value)


def test_a_file_that_does_not_exist_names_those_that_do(tmp_path: Path) -> None:
    write(tmp_path, 0, CORRECT)

    with pytest.raises(SettingsError, match=r"(?s)prd.yaml: does not exist.*a-long-environ.yaml"):
        load(tmp_path / "prd.yaml")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"account: 1\nregion: \xff\xfe", ":2: is not UTF-8: a character here cannot be read"),
        (b"a: \x00", "is not text that YAML allows"),
        (b"a: " + b"[" * 5000, "nested too deeply"),
        (
            b"a: &a [x,x,x,x,x,x,x,x,x,x]\n"
            + b"".join(b"%c: &%c [%s]\n" % (98 + i, 98 + i, b",".join([b"*%c" % (97 + i)] * 10)) for i in range(8)),
            "once its aliases",
        ),
    ],
    ids=["not UTF-8", "control character", "deep nesting", "alias bomb"],
)
def test_hostile_bytes(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "prod.yaml"
    file.write_bytes(content)

    with pytest.raises(SettingsError, match=words):
        load(file)


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    (tmp_path / "prod.yaml").mkdir()

    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        load(tmp_path / "prod.yaml")


def test_the_name_of_the_file_is_checked(tmp_path: Path) -> None:
    file = tmp_path / "Prod_EU.yaml"
    file.write_text(CORRECT, encoding="utf-8")

    with pytest.raises(SettingsError, match="Prod_EU, is the environment's"):
        load(file)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_edit_of_a_correct_file_ends_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Cuts a piece out of the file and puts anything in its place."""
    start = data.draw(st.integers(0, len(CORRECT)))
    end = data.draw(st.integers(start, min(len(CORRECT), start + 30)))
    piece = data.draw(
        st.text(alphabet=st.sampled_from("abc:-#&*![]{}<>|%@`'\"\\ \n\t,.?~0179é\x07\u2028"), max_size=12)
    )
    file = tmp_path_factory.mktemp("fuzz") / "prod.yaml"
    file.write_text(CORRECT[:start] + piece + CORRECT[end:], encoding="utf-8")

    try:
        load(file)
    except SettingsError as error:
        assert str(file) in str(error)


def test_quotes_are_proposed_only_where_they_help(tmp_path: Path) -> None:
    file = tmp_path / "prod.yaml"
    file.write_text("project: 7\n" + CORRECT.replace('"111111111111"', "111111111111"), encoding="utf-8")

    with pytest.raises(SettingsError) as caught:
        load(file)

    assert str(caught.value).count("put quotes around it") == 1
