"""The committed picture shows what the program deploys."""

from local.diagram import picture
from local.record import ROOT, Recording


def test_the_pictures_source_is_the_program(production: Recording) -> None:
    """When this fails, `make diagram` draws it anew."""
    committed = (ROOT / "docs" / "asbuilt.json").read_text()
    assert picture(production).text() + "\n" == committed


def test_every_service_repository_and_store_is_in_the_picture(production: Recording) -> None:
    drawn = {part.key for part in picture(production).parts}
    for kind in ("ecs/service:Service", "ecr/repository:Repository", "rds/instance:Instance"):
        assert {resource.name for resource in production.of(kind)} <= drawn


def test_the_pictures_traffic_is_the_security_groups(production: Recording) -> None:
    arrows = {(a.start, a.end, a.label) for a in picture(production).arrows if a.kind == "traffic"}
    assert ("otakaro-dt-backend-celery", "otakaro-dt-pg", "5432") in arrows
    assert not any(end == "otakaro-dt-pg" and label != "5432" for _, end, label in arrows)
    assert ("otakaro-dt-terriamap", "otakaro-dt-pg", "5432") not in arrows
