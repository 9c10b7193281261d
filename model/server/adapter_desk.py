"""Changes the adapters of a running worker, when the registry changes or a request asks."""

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

from model.engine.api import AdapterCard
from model.errors import (
    AdapterRefused,
    BadParameter,
    ModelError,
    RequestError,
    UnknownModel,
)
from model.loading.names import check_name
from model.loading.registry import POLL_S, Registry, Stamp
from model.server.service import EngineService

log = logging.getLogger(__name__)


class AdapterDesk:
    """Makes one change at a time. `configured` are the settings' adapters: source by name.

    Make it before the model loads: `follow` takes up every change of the registry after that.
    """

    def __init__(
        self, service: EngineService, registry: Registry, configured: Mapping[str, str]
    ) -> None:
        self._service = service
        self._registry = registry
        self._configured = configured
        self._changing = asyncio.Lock()
        self._seen = registry.stamps()

    async def take(self, name: str, path: str) -> AdapterCard:
        """Serve the registry's adapter in the folder `path` (NAME/VERSION) as `name`.

        Raises BadParameter for a name or a path that is not allowed, AdapterRefused when the
        adapter cannot be served, NotReady while the worker loads or drains.
        """
        try:
            check_name(name)
        except ValueError as error:
            raise BadParameter("name", str(error)) from None
        try:
            folder = self._registry.inside(path)
        except ValueError as error:
            raise BadParameter("path", str(error)) from None
        async with self._changing:
            return await self._add(name, str(folder))

    async def give_up(self, name: str) -> AdapterCard | None:
        """Stop serving a promoted adapter as `name`.

        Returns the card of the settings' adapter that answers again, or None where there is none.
        Raises UnknownModel when no adapter of this name is served.
        """
        async with self._changing:
            served = [card.id for card in self._service.cards()]
            if name not in served[1:]:
                raise UnknownModel(name, tuple(served))
            return await self._put_back(name)

    async def follow(self, every_s: float = POLL_S) -> None:
        """Look for changes in the registry every `every_s` seconds, until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            try:
                if self._service.health().status == "ok":
                    await self.look()
            except OSError as error:
                log.warning("the registry cannot be read: %s", error)

    async def look(self) -> None:
        """Serve what has changed in the registry since the last look.

        An adapter that cannot be served is logged, and what answered before still answers. While
        the worker loads or drains, nothing is taken up.
        """
        stamps = self._registry.stamps()
        for name in self.changed(stamps):
            try:
                async with self._changing:
                    await self._sync(name)
            except RequestError as error:
                if not isinstance(error, AdapterRefused):
                    return  # loading or draining: looked at again, if there is a next time
                log.warning("%s; what answers as %s stays", error, name)
            except ModelError as error:
                log.warning("%s; what answers as %s stays", error, name)
            self._remember(name, stamps.get(name))

    def changed(self, stamps: Mapping[str, Stamp]) -> list[str]:
        """The names whose state in the registry, given as `stamps`, was not taken up yet."""
        names = sorted(self._seen.keys() | stamps.keys())
        return [name for name in names if self._seen.get(name) != stamps.get(name)]

    async def _sync(self, name: str) -> None:
        folder = self._registry.folder(name)
        if folder is None:
            await self._put_back(name)
        else:
            await self._add(name, str(folder))

    async def _put_back(self, name: str) -> AdapterCard | None:
        source = self._configured.get(name)
        if source is not None:
            return await self._add(name, source)
        await self._service.remove_adapter(name)
        log.info("no adapter answers as %s any more", name)
        return None

    async def _add(self, name: str, source: str) -> AdapterCard:
        try:
            card = await self._service.add_adapter(name, source)
        except RequestError:
            raise
        except ModelError as error:
            raise AdapterRefused(str(error)) from error
        log.info("adapter %s answers as %s (%s)", Path(source).name, name, card.hash)
        return card

    def _remember(self, name: str, stamp: Stamp | None) -> None:
        if stamp is None:
            self._seen.pop(name, None)
        else:
            self._seen[name] = stamp
