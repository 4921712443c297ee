"""``copilot svc show`` on AWS."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from copilot.cli._output import bold, dim, fields, out, print_json, progress, say_next, table

if TYPE_CHECKING:
    from copilot.aws.service_details import ServiceSettings
    from copilot.cli._context import Context
    from copilot.engine import Workload

_BACKEND = "Backend Service"
_NO_PORT = "-"
_AT_ONCE = 8


def show(context: Context, name: str, *, as_json: bool, resources: bool) -> None:
    """What it was deployed with to each environment, and where it answers."""
    from copilot.aws.service_details import ServiceDetails

    engine, app = context.aws, context.app
    with progress("Asking AWS"):
        workload = next(w for w in engine.workloads(app) if w.name == name)
        environments = engine.deployed_to(app, name)

        def look(environment: str) -> ServiceSettings:
            details = ServiceDetails(engine.inside(app, environment), app, environment)
            return details.settings(name, internal=workload.type == _BACKEND)

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = list(pool.map(look, environments))
    if as_json:
        print_json(as_document(workload, found, resources=resources))
        return
    out(fields({"Service": bold(name), "Application": app, "Type": workload.type}))
    if not found:
        out(dim("\nnot deployed yet"))
        say_next(f"copilot deploy --name {name}")
        return
    for title, rows, columns in _tables(found, resources=resources):
        if rows:
            out(f"\n{title}")
            out(table(rows, columns))


def print_manifest(context: Context, name: str, environment: str) -> None:
    """Print the manifest that it was last deployed with, as it was written."""
    from copilot.aws.service_details import ServiceDetails

    with progress("Asking AWS"):
        text = ServiceDetails(context.aws.inside(context.app, environment), context.app, environment).manifest(name)
    out(text, newline=not text.endswith("\n"))


def as_document(workload: Workload, found: list[ServiceSettings], *, resources: bool) -> dict[str, Any]:
    """The JSON answer, with AWS Copilot's keys."""
    secrets = [
        {"environment": s.environment, "name": each.name, "container": each.container, "valueFrom": each.value_from}
        for s in found
        for each in s.secrets
    ]
    document: dict[str, Any] = {
        "service": workload.name,
        "type": workload.type,
        "application": workload.app,
        "configurations": [
            {
                "environment": s.environment,
                "port": s.port or _NO_PORT,
                "cpu": s.cpu,
                "memory": s.memory,
                "platform": s.platform,
                "tasks": s.count,
            }
            for s in found
        ],
        "routes": [{"environment": s.environment, "url": r.url, "ingress": r.ingress} for s in found for r in s.routes],
        "serviceDiscovery": [{"environment": [s.environment], "endpoint": s.endpoint} for s in found if s.endpoint],
        "serviceConnect": [{"environment": [s.environment], "endpoint": e} for s in found for e in s.connect],
        "variables": [
            {"environment": s.environment, "name": each.name, "value": each.value, "container": each.container}
            for s in found
            for each in s.variables
        ],
    }
    if secrets:
        document["secrets"] = secrets
    if resources:
        document["resources"] = {
            s.environment: [{"type": r.type, "physicalID": r.physical_id, "logicalID": r.logical_id} for r in s.resources]
            for s in found
        }
    return document


def _tables(found: list[ServiceSettings], *, resources: bool) -> list[tuple[str, list[tuple[str, ...]], tuple[str, ...]]]:
    names = [(s.environment, e) for s in found for e in ([s.endpoint] if s.endpoint else []) + list(s.connect)]
    variables = [(v.name, s.environment, v.container, v.value) for s in found for v in s.variables]
    secrets = [(v.name, s.environment, v.container, v.value_from) for s in found for v in s.secrets]
    listed = [(s.environment, r.type, r.physical_id) for s in found for r in s.resources] if resources else []
    settings: list[tuple[str, ...]] = [(s.environment, s.count, s.cpu, s.memory, s.platform, s.port or _NO_PORT) for s in found]
    routes: list[tuple[str, ...]] = [(s.environment, r.url, r.ingress) for s in found for r in s.routes]
    return [
        ("Settings", settings, ("environment", "tasks", "cpu", "memory", "platform", "port")),
        ("Routes", routes, ("environment", "url", "from")),
        ("Other services find it at", [*names], ("environment", "address")),
        ("Variables", [*sorted(variables)], ("name", "environment", "container", "value")),
        ("Secrets", [*sorted(secrets)], ("name", "environment", "container", "kept as")),
        ("Resources", [*listed], ("environment", "type", "id")),
    ]
