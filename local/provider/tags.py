"""How each service tags what it holds."""

from collections.abc import Mapping

from local.provider.parts import Tagging

_PLAIN = ("TagResource", "UntagResource", "ListTagsForResource")
_OLD = ("AddTagsToResource", "RemoveTagsFromResource", "ListTagsForResource")
_CERTIFICATE = ("AddTagsToCertificate", "RemoveTagsFromCertificate", "ListTagsForCertificate")
_ZONE = {"ResourceType": "hostedzone", "ResourceId": "{id}"}
_CHANGE = "ChangeTagsForResource"

TAGGING: Mapping[str, Tagging] = {
    "acm": Tagging(*_CERTIFICATE, "Tags", {"CertificateArn": "{id}"}),
    "application-autoscaling": Tagging(*_PLAIN, "Tags", {"ResourceARN": "{arn}"}),
    "budgets": Tagging(*_PLAIN, "ResourceTags", {"ResourceARN": "{arn}"}),
    "cloudfront": Tagging(*_PLAIN, "Tags.Items", {"Resource": "{arn}"}),
    "cloudwatch": Tagging(*_PLAIN, "Tags", {"ResourceARN": "{arn}"}),
    "ec2": Tagging("CreateTags", "DeleteTags", "", "", {"Resources": ["{id}"]}),
    "ecr": Tagging(*_PLAIN, "tags", {"resourceArn": "{arn}"}),
    "ecs": Tagging(*_PLAIN, "tags", {"resourceArn": "{arn}"}),
    "efs": Tagging(*_PLAIN, "Tags", {"ResourceId": "{id}"}),
    "elasticache": Tagging(*_OLD, "TagList", {"ResourceName": "{arn}"}),
    "elbv2": Tagging(
        "AddTags",
        "RemoveTags",
        "DescribeTags",
        "TagDescriptions[0].Tags",
        {"ResourceArns": ["{id}"]},
    ),
    "events": Tagging(*_PLAIN, "Tags", {"ResourceARN": "{arn}"}),
    "iam": Tagging("TagRole", "UntagRole", "ListRoleTags", "Tags", {"RoleName": "{id}"}),
    "lambda": Tagging("TagResource", "UntagResource", "ListTags", "Tags", {"Resource": "{arn}"}),
    "logs": Tagging(*_PLAIN, "tags", {"resourceArn": "{arn}"}),
    "rds": Tagging(*_OLD, "TagList", {"ResourceName": "{arn}"}),
    "route53": Tagging(_CHANGE, _CHANGE, "ListTagsForResource", "ResourceTagSet.Tags", _ZONE),
    "s3": Tagging("PutBucketTagging", "", "GetBucketTagging", "TagSet", {"Bucket": "{id}"}),
    "servicediscovery": Tagging(*_PLAIN, "Tags", {"ResourceARN": "{arn}"}),
    "sns": Tagging(*_PLAIN, "Tags", {"ResourceArn": "{id}"}),
    "sqs": Tagging("TagQueue", "UntagQueue", "ListQueueTags", "Tags", {"QueueUrl": "{id}"}),
    "wafv2": Tagging(*_PLAIN, "TagInfoForResource.TagList", {"ResourceARN": "{arn}"}),
    "ssm": Tagging(*_OLD, "TagList", {"ResourceType": "Parameter", "ResourceId": "{id}"}),
}
