"""Every command of the command line, a line each."""

import typer

from orchestrator.cli import (
    alive,
    batch,
    breakers,
    check,
    deliveries,
    doctor,
    estimate,
    follow,
    keys,
    models,
    pauses,
    projects,
    rebuild,
    serve,
    stack,
    submit,
    tasks,
    verify,
    webhooks,
)


def build_cli() -> typer.Typer:
    cli = typer.Typer(
        help="A container-native GPU inference node.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    cli.command()(stack.up)
    cli.command()(stack.status)
    cli.command()(stack.down)
    cli.command()(check.check)
    cli.command()(doctor.doctor)
    cli.command()(alive.alive)
    cli.command()(rebuild.rebuild)
    cli.command()(verify.verify)
    cli.command()(serve.api)
    cli.command()(serve.worker)
    cli.command()(serve.keeper)
    cli.command()(serve.metrics)
    cli.command()(estimate.estimate)
    cli.command()(submit.submit)
    cli.command()(batch.batch)
    cli.command()(follow.watch)
    cli.command()(follow.events)
    cli.command()(follow.logs)
    cli.command()(pauses.pause)
    cli.command()(pauses.resume)
    cli.command()(pauses.pauses)
    cli.command()(breakers.breakers)
    cli.add_typer(tasks.build_tasks(), name="tasks")
    cli.add_typer(webhooks.build_webhooks(), name="webhooks")
    cli.add_typer(deliveries.build_deliveries(), name="deliveries")
    cli.add_typer(models.build_models(), name="models")
    cli.add_typer(projects.build_projects(), name="projects")
    cli.add_typer(keys.build_keys(), name="keys")
    return cli
