"""Which tasks the front door leads to, read from the store."""

from __future__ import annotations

from collections.abc import Mapping

from copilot.local.frontdoor.config import EnvironmentRoutes, Service, slots_for
from copilot.local.store import Store
from copilot.local.store.releases import ReleaseRecord


def routes(store: Store, addresses: Mapping[str, tuple[str, ...]]) -> tuple[EnvironmentRoutes, ...]:
    """Every environment with the services that have a current release in it.

    Args:
        store: The state.
        addresses: Where an environment of a runtime answers besides the loopback addresses, by name of the runtime.
    """
    current = [r for r in store.releases.all_current() if r.description.schedule is None]
    return tuple(
        EnvironmentRoutes(
            app=environment.app,
            name=environment.name,
            port=environment.port,
            addresses=addresses.get(environment.runtime, ()),
            services=tuple(
                _service(store, release)
                for release in current
                if (release.description.application, release.description.environment) == (environment.app, environment.name)
            ),
        )
        for environment in store.catalog.all_environments()
    )


def _service(store: Store, release: ReleaseRecord) -> Service:
    """Its healthy tasks get the requests; if there are none, those that run but are not healthy, as an ALB does."""
    description = release.description
    tasks = [t for t in store.releases.tasks(release.id) if t.port is not None]
    able = [t for t in tasks if t.status == "Healthy"] or [t for t in tasks if t.status == "Unhealthy"]
    slots = slots_for(description.count) if description.port is not None else 0
    return Service(
        name=description.workload,
        path=description.routing.path if description.routing else None,
        slots=slots,
        tasks=tuple(t.port for t in able if t.port is not None)[:slots],
        paused=release.paused_at is not None,
    )
