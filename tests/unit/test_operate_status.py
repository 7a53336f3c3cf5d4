"""The screen of `make status` in each state that a stack can be in."""

import io
from datetime import timedelta
from typing import Any

import pytest
from rich.console import Console

from operate.account import Account
from operate.errors import OperateError
from operate.screen import show
from operate.status import look
from tests.unit.answers import Answer, Answers, refusing
from tests.unit.running import NOW, alarm, deployed, targets, well


def screen(account: Account) -> list[str]:
    """What is shown where nobody looks at a terminal."""
    written = io.StringIO()
    show(look(account, NOW), account, Console(file=written, width=100, highlight=False))
    return written.getvalue().splitlines()


def seen(**changed: Answer) -> str:
    """The screen of a stack in which all is well but for these answers."""
    answers = well() | {key.replace("__", "."): answer for key, answer in changed.items()}
    return "\n".join(screen(Answers(answers).account()))


def unfolded(text: str) -> str:
    """Without the columns and line ends that a table makes of long texts."""
    return " ".join(text.split())


def line(text: str, words: str) -> str:
    """The only line with these words."""
    (found,) = [each for each in text.splitlines() if words in each]
    return found.rstrip()


def test_a_stack_in_which_all_is_well_fits_a_screen_and_needs_no_colour() -> None:
    lines = screen(Answers(well()).account())
    assert lines[0] == (
        "otakaro-dt in AWS account 111122223333, ap-southeast-2, 2026-11-24 12:00 UTC"
    )
    assert max(map(len, lines)) <= 100
    assert len(lines) <= 24
    text = "\n".join(lines)
    assert "\x1b" not in text
    assert not [each for each in lines if each.startswith("!")]
    assert line(text, "  geoserver").split() == [
        *("geoserver", "1", "of", "1", "2026.11.23", "sha256:" + "a1" * 6),
        *("SUCCESSFUL,", "14", "min", "ago", "(24", "Nov", "11:46)"),
    ]
    # Both regions were asked, for what CloudFront has is in us-east-1.
    assert line(text, "alarms").endswith("0 in ALARM, 2 OK, 0 without data")
    assert line(text, "queue").endswith("3 waiting, 1 min ago")
    assert line(text, "CloudFront").endswith("ISSUED, 212 days left")
    assert line(text, "load balancer").endswith("ISSUED, 212 days left")
    assert line(text, "otakaro-dt-pg (").endswith("any moment until 4 min ago")
    assert line(text, "otakaro-dt-pg-others").endswith("any moment until 4 min ago")
    assert line(text, "otakaro-dt-shared-data").endswith("7 h ago")
    assert line(text, "dead letters").endswith("none")


def test_nothing_deployed_is_one_line_with_the_command_that_deploys() -> None:
    answers = Answers(well() | {"ecs.DescribeClusters": {"clusters": []}})
    with pytest.raises(OperateError) as told:
        look(answers.account(), NOW)
    assert str(told.value) == (
        "nothing is deployed: no cluster otakaro-dt-ecs in AWS account 111122223333, "
        "ap-southeast-2; `pulumi up --stack production` does that, `export AWS_PROFILE=...` names "
        "another account"
    )


def test_a_removed_cluster_is_none() -> None:
    gone = {"clusters": [{"clusterName": "otakaro-dt-ecs", "status": "INACTIVE"}]}
    with pytest.raises(OperateError, match="nothing is deployed"):
        look(Answers(well() | {"ecs.DescribeClusters": gone}).account(), NOW)


def test_a_failed_deployment_is_marked_with_the_image_that_runs_since_and_the_reason() -> None:
    failed = deployed(
        "ROLLBACK_SUCCESSFUL", reason="tasks failed to start: exit code 1", rollback=True
    )
    text = seen(ecs__DescribeServiceDeployments=failed)
    shown = line(text, "geoserver       1 of 1")
    assert shown.startswith("! ")
    assert "ROLLBACK_SUCCESSFUL, 14 min ago" in shown
    assert "a1" * 6 in text
    assert "b2" * 6 not in text
    assert line(text, "geoserver        tasks failed to start: exit code 1").startswith("! ")


def test_a_deployment_at_work_shows_what_runs_meanwhile() -> None:
    text = seen(ecs__DescribeServiceDeployments=deployed("IN_PROGRESS"))
    assert "IN_PROGRESS, begun 20 min ago" in line(text, "  geoserver")
    assert "a1" * 6 in line(text, "  geoserver")


def test_missing_tasks_are_marked() -> None:
    answers = well(terriamap={"runningCount": 1, "desiredCount": 3, "pendingCount": 2})
    text = "\n".join(screen(Answers(answers).account()))
    assert line(text, "terriamap").startswith("! ")
    assert "1 of 3, 2 pending" in line(text, "terriamap")
    assert not line(text, "  geoserver").startswith("!")


def test_a_service_without_tasks_says_where_it_is_told_why() -> None:
    answers = well(terriamap={"runningCount": 0, "desiredCount": 0})
    answers["ecs.DescribeServiceRevisions"] = {"serviceRevisions": [{}]}
    text = "\n".join(screen(Answers(answers).account()))
    assert line(text, "0 of 0").startswith("   terriamap")
    assert "none" in line(text, "0 of 0")
    assert (
        "terriamap waits for an image or a secret: `make logs SERVICE=rollout ACCOUNT=aws`"
    ) in unfolded(text)


def test_a_service_that_an_operator_stopped_is_told_with_the_way_back() -> None:
    answers = well(terriamap={"runningCount": 0, "desiredCount": 0})
    answers["application-autoscaling.DescribeScalableTargets"] = targets("terriamap", "geoserver")
    text = unfolded("\n".join(screen(Answers(answers).account())))
    assert "terriamap an operator stopped it: `make start SERVICE=terriamap ACCOUNT=aws`" in text
    # One that has tasks all the same isn't stopped.
    assert text.count("an operator stopped it") == 1


def test_what_scaling_does_may_be_out_of_sight() -> None:
    answers = well(terriamap={"runningCount": 0, "desiredCount": 0})
    answers["application-autoscaling.DescribeScalableTargets"] = refusing("AccessDeniedException")
    text = "\n".join(screen(Answers(answers).account()))
    assert "waits for an image or a secret" in unfolded(text)


def test_a_service_that_was_never_deployed_is_told() -> None:
    assert "none on record" in seen(ecs__ListServiceDeployments={"serviceDeployments": []})


def test_an_image_that_lost_its_tags_is_told_by_its_digest() -> None:
    text = seen(ecr__DescribeImages=refusing("ImageNotFoundException"))
    assert f"(no tag) sha256:{'a1' * 6}" in line(text, "  geoserver")


def test_an_alarm_is_told_with_its_meaning() -> None:
    alarms = [alarm("redis-memory", "ALARM"), alarm("x", "OK"), alarm("y", "INSUFFICIENT_DATA")]
    text = seen(cloudwatch__DescribeAlarms={"MetricAlarms": alarms, "CompositeAlarms": []})
    assert line(text, "alarms").endswith("2 in ALARM, 2 OK, 2 without data")
    assert line(text, "alarms").startswith("! ")
    assert "for 15 min: What redis-memory means to people" in text


def test_a_stack_without_alarms_is_no_stack_without_trouble() -> None:
    assert line(seen(cloudwatch__DescribeAlarms={}), "alarms").startswith("! ")


def test_a_queue_that_nobody_measures_is_unknown() -> None:
    assert "unknown" in line(seen(cloudwatch__GetMetricStatistics={"Datapoints": []}), "queue")


def test_the_queue_is_asked_for_by_its_stack() -> None:
    answers = Answers(well())
    look(answers.account(), NOW)
    (asked,) = answers.of("cloudwatch.GetMetricStatistics")
    assert asked["Dimensions"] == [
        {"Name": "Queue", "Value": "celery"},
        {"Name": "Stack", "Value": "otakaro-dt"},
    ]
    assert (asked["Namespace"], asked["MetricName"]) == ("Otakaro/Celery", "QueueLength")


@pytest.mark.parametrize(
    ("status", "days", "mark"), [("ISSUED", 46, " "), ("ISSUED", 44, "!"), ("EXPIRED", -1, "!")]
)
def test_a_certificate_that_is_not_renewed_in_time_is_marked(
    status: str, days: int, mark: str
) -> None:
    found = {"Status": status, "NotAfter": NOW + timedelta(days=days)}
    text = seen(acm__DescribeCertificate={"Certificate": found})
    assert line(text, "CloudFront").startswith(mark)
    assert f"{days} days left" in line(text, "CloudFront")


def backups(**changed: Any) -> str:
    """The screen with other backups."""
    instance = {"DBInstanceIdentifier": "otakaro-dt-pg", "DBInstanceStatus": "available", **changed}
    return seen(
        rds__DescribeDBInstances={"DBInstances": [instance]},
        backup__ListRecoveryPointsByResource={"RecoveryPoints": []},
    )


def test_missing_backups_are_marked() -> None:
    text = backups()
    assert line(text, "no backup yet").startswith("! ")
    assert line(text, "none yet, the disk was made 90 d ago").startswith("! ")


def test_an_old_backup_is_marked() -> None:
    text = backups(LatestRestorableTime=NOW - timedelta(hours=5))
    assert line(text, "until 5 h ago").startswith("! ")


def test_the_emulated_account_which_backs_nothing_up_is_not_blamed() -> None:
    instance = {"DBInstanceIdentifier": "otakaro-dt-pg", "DBInstanceStatus": "available"}
    answers = well() | {
        "rds.DescribeDBInstances": {"DBInstances": [instance]},
        "backup.ListRecoveryPointsByResource": {"RecoveryPoints": []},
    }
    text = "\n".join(screen(Answers(answers).account(emulated=True)))
    assert line(text, "no backup yet").startswith("  ")
    assert line(text, "none yet").startswith("  ")


def test_dead_letters_are_told_by_their_queue() -> None:
    text = seen(
        sqs__GetQueueAttributes=lambda params: {
            "Attributes": {
                "ApproximateNumberOfMessages": "2" if "images-failed" in params["QueueUrl"] else "0"
            }
        }
    )
    assert line(text, "dead letters").startswith("! ")
    assert line(text, "dead letters").endswith("2 in otakaro-dt-rollout-images-failed.fifo")


def test_what_may_not_be_read_leaves_the_rest_to_be_seen() -> None:
    text = seen(
        backup__ListRecoveryPointsByResource=refusing(
            "AccessDeniedException: User: arn:aws:sts::1:x is not authorized to perform: "
            "backup:ListRecoveryPointsByResource on resource: arn"
        )
    )
    assert (
        "! files backup unknown: these credentials may not backup:ListRecoveryPointsByResource "
        "(docs/operate.md)"
    ) in unfolded(text)
    assert line(text, "dead letters").endswith("none")


def test_what_others_wrote_cannot_command_the_terminal() -> None:
    nasty = alarm("x", "ALARM") | {"AlarmDescription": "\x1b]0;gotcha\x07[red]x[/red]"}
    text = seen(cloudwatch__DescribeAlarms={"MetricAlarms": [nasty]})
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[red]x[/red]" in text
