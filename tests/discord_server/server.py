"""The server: one port on 127.0.0.1 with REST, gateway and attachments."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from tests.discord_server.driver import Discord
from tests.discord_server.rest import application as application_routes
from tests.discord_server.rest import channel as channel_routes
from tests.discord_server.rest import interaction as interaction_routes
from tests.discord_server.rest import reaction as reaction_routes
from tests.discord_server.rest.router import Router, Routes
from tests.discord_server.state.world import World
from tests.discord_server.watch import Watch

ROUTES = Routes(
    application_routes.routes,
    channel_routes.routes,
    reaction_routes.routes,
    interaction_routes.routes,
)
_UPLOAD_MAX = 25 * 1024 * 1024


@asynccontextmanager
async def serve(
    *, content_granted: bool = True, shards: int = 1, behind_s: float = 0.0
) -> AsyncIterator[Discord]:
    """A Discord with one guild; fails at the end where a bot did what no Discord knows."""
    watch = Watch(lambda: router.calls.describe())
    clock = asyncio.get_running_loop().time
    world = World(watch, clock, content_granted=content_granted, shards=shards, behind_s=behind_s)
    router = Router(world, ROUTES)
    app = web.Application(client_max_size=_UPLOAD_MAX)
    app.router.add_route("*", "/api/v10/{path:.*}", router.answer)
    app.router.add_get("/gateway", world.gateway.connect)
    app.router.add_get("/{path:attachments/.*}", router.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handle_signals=False)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    world.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield Discord(world, router)
    finally:
        await world.gateway.close()
        await runner.cleanup()
    assert not watch.problems, watch.problems
