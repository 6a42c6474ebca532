"""Metrics name projects, and only so many of them."""

from orchestrator.telemetry import BoundedLabels, build_intake_metrics


def test_the_first_have_series_of_their_own_and_the_others_share_one() -> None:
    label = BoundedLabels(most=2)
    assert [label(slug) for slug in ("film-a", "film-b", "film-c", "film-a", "film-d")] == [
        "film-a", "film-b", "other", "film-a", "other",
    ]  # fmt: skip


def test_a_thousand_projects_make_a_hundred_and_one_series() -> None:
    metrics = build_intake_metrics()
    for number in range(1000):
        metrics.count_submit(f"film-{number}", "system.echo", answer="recorded")
    totals = [sample for family in metrics.registry.collect() for sample in family.samples if "_total" in sample.name]
    assert len(totals) == 101
    assert sum(sample.value for sample in totals) == 1000
