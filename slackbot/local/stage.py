"""What people do on the page, and the world in which they do it: they can begin anew."""

import asyncio

from slackbot.local.acts import Acts, Problem
from slackbot.local.json_type import Json
from slackbot.local.scenario import SCENES, Play, Scenario, load
from slackbot.local.world import World


class Stage:
    """Has one world at a time, and plays one scenario at a time."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.number = 1
        """Of the world: it grows each time that people start over."""
        self.is_set = asyncio.Event()
        """Not set between the end of one world and the beginning of the next."""
        self._scenes = [load(name) for name in SCENES]
        self._play: Play | None = None
        self._plays = 0
        self._playing: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()

    async def begin(self) -> None:
        """Begin with the first world."""
        await self.world.begin()
        self.is_set.set()

    async def end(self) -> None:
        """Break off everything."""
        self.is_set.clear()
        await self._stop()
        self._play = None
        await self.world.end()

    async def _stop(self) -> None:
        """Break off the scenario that is being played."""
        if self._playing:
            self._playing.cancel()
            await asyncio.gather(self._playing, return_exceptions=True)

    async def start_over(self) -> None:
        """Forget everything, and let the past days happen once more."""
        async with self._changing:
            await self.end()
            old = self.world
            self.world = World(
                with_past=old.with_past, begins_at=old.begins_at, addresses=old.addresses
            )
            self.number += 1
            await self.begin()

    async def do(self, name: str, body: Json) -> None:
        """Do what a person asks for.

        Raises:
            LookupError: There is no such act.
            Problem: It could not be done; the message is for the person.
        """
        if name == "start_over":
            await self.start_over()
            return
        if name == "stop_scene":
            await self._stop()
            return
        if not self.world.is_ready:
            raise Problem("The past days are still being played. Try again in a moment.")
        if name == "scene":
            self._perform_scene(str(body.get("name")))
        else:
            await Acts(self.world).do(name, body)

    def _perform_scene(self, name: str) -> None:
        scene = next((each for each in self._scenes if each.name == name), None)
        if scene is None:
            raise Problem(f"There is no scene {name}.")
        if self._playing and not self._playing.done():
            raise Problem("A scene is being played. Wait until it is over.")
        self.perform(scene)

    def perform(self, scenario: Scenario) -> None:
        """Play a scenario as soon as the past days have happened."""
        self._play = Play(scenario, self.world, Acts(self.world))
        self._plays += 1
        self._playing = asyncio.create_task(self._play.run())

    def shown(self) -> Json:
        """Return the scenes, and the one that is or was played."""
        scenes = [
            {"name": one.name, "title": one.title, "about": one.about} for one in self._scenes
        ]
        play = self._play
        scene = play.shown() | {"number": self._plays} if play else None
        return {"world": self.number, "scenes": scenes, "scene": scene}
