"""The money: an account's monthly budget."""

from dataclasses import dataclass

from pulumi import ComponentResource, Input, ResourceOptions
from pulumi_aws import budgets


@dataclass(frozen=True, kw_only=True)
class SpendingArgs:
    monthly: int  # US dollars; 0: no budget
    topic_arn: Input[str]


class Spending(ComponentResource):
    """The account's monthly budget: told when it is nearly spent, spent, or going to be."""

    def __init__(self, name: str, args: SpendingArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("otakaro:index:Spending", name, None, opts)
        budgets.Budget(
            name,
            name=name,
            budget_type="COST",
            limit_amount=str(args.monthly),
            limit_unit="USD",
            time_unit="MONTHLY",
            notifications=[
                {
                    "comparison_operator": "GREATER_THAN",
                    "notification_type": kind,
                    "threshold": percent,
                    "threshold_type": "PERCENTAGE",
                    "subscriber_sns_topic_arns": [args.topic_arn],
                }
                for kind, percent in (("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100))
            ],
            opts=ResourceOptions(parent=self),
        )
        self.register_outputs({})
