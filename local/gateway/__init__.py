"""The emulated AWS as it is served: ministack, and around it what AWS does and ministack doesn't.

An ASGI application around ministack's own, in ministack's environment (so it imports nothing of
ours but itself). Requests go through; after a successful one the part of AWS is played that is
missing there:

- Events (bus.py). A push ("ECR Image Action"), a parameter's edit ("Parameter Store Change") and a
  deployment's states ("ECS Deployment State Change") are delivered as EventBridge does: by the
  rules that there are, to their targets, if the target's own policy admits the rule. What nothing
  here causes, a task that runs out of memory or a backup that fails, is posted to EVENTS.
- ECS's record of deployments (deployments.py), with the digest that each container's image had when
  its deployment began (containers.py), and the circuit breaker.
- ECR's answers and pushes (registry.py), and SSM's edits (parameters.py).
- RDS's states, in which instances can't be changed, and their time (databases.py), restorations
  (restoration.py), and a PostgreSQL server behind each instance (postgresql.py).
- Elastic Load Balancing's limit of one load balancer per target group (balancers.py).
- CloudFront's VPC origins (origins.py): what they need, how long they take, and what can't change.
- Modifications of RDS and ElastiCache (caches.py) that wait for a maintenance window, which begins
  when it is posted to MAINTENANCE.
- CloudWatch Logs' deliveries (deliveries.py), whose changes must not overlap.
- Network interfaces of functions in the VPC (interfaces.py), which outlive their function.
- EventBridge Scheduler (schedules.py): schedules fire, by their zone's clocks (times.py), under
  their role. One fires at once that is posted to SCHEDULES.
- Application Auto Scaling (scaling.py): targets and policies, which scale nothing.
- SQS's redrive of dead letters (redrive.py).
- Metrics in what functions log, in CloudWatch's embedded metric format (metrics.py).
- Client tokens (creations.py): a creation is carried out once, however often it arrives.

What it did can be read at JOURNAL. Its memory ends with the process.
"""

from .asgi import Message, Receive, Send
from .containers import CRASH
from .creations import CREATION, CREATIONS
from .schedules import SCHEDULES
from .serving import EVENTS, JOURNAL, MAINTENANCE, Gateway

__all__ = [
    "CRASH",
    "CREATION",
    "CREATIONS",
    "EVENTS",
    "JOURNAL",
    "MAINTENANCE",
    "SCHEDULES",
    "Gateway",
    "Message",
    "Receive",
    "Send",
]
