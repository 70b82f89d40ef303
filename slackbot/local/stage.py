"""The scenes that people can have played, and everything else that they do on the page."""

import asyncio

from slackbot.local.acts import Acts, Json, Problem
from slackbot.local.scenario import SCENES, Play, Scenario, load
from slackbot.local.world import World


class Stage:
    """Plays one scenario at a time."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.scenes = [load(name) for name in SCENES]
        self.play: Play | None = None
        """The latest, which may be over."""
        self._playing: asyncio.Task[None] | None = None

    def shown(self) -> Json:
        """Return the scenes, and the one that is or was played."""
        play = self.play
        scenes = [{"name": one.name, "title": one.title, "about": one.about} for one in self.scenes]
        return {
            "scenes": scenes,
            "scene": play
            and {
                "name": play.scenario.name,
                "title": play.scenario.title,
                "about": play.scenario.about,
                "look_at": play.scenario.look_at,
                "me": play.look_as,
                "issue": play.issue_number,
                "is_playing": play.is_playing,
                "doing": play.doing,
                "problem": play.problem,
            },
        }

    async def do(self, name: str, body: Json) -> None:
        """Do what somebody asks for.

        Raises:
            LookupError: There is no such act.
            Problem: It could not be done; the message is for them.
        """
        if name == "start_over":
            await self.start_over()
            return
        if not self.world.is_ready:
            raise Problem("The past days are still being played. Try again in a moment.")
        if name == "scene":
            self._perform_scene(str(body.get("name")))
        else:
            await Acts(self.world).do(name, body)

    async def start_over(self) -> None:
        """Forget everything that was done."""
        await self.end()
        self.play = None
        await self.world.begin_anew()

    async def end(self) -> None:
        """Break off the scenario that plays."""
        if self._playing:
            self._playing.cancel()
            await asyncio.gather(self._playing, return_exceptions=True)

    def _perform_scene(self, name: str) -> None:
        scene = next((each for each in self.scenes if each.name == name), None)
        if scene is None:
            raise Problem(f"There is no scene {name}.")
        self.perform(scene)

    def perform(self, scenario: Scenario) -> None:
        """Begin to play a scenario."""
        if self._playing and not self._playing.done():
            raise Problem("A scene is being played. Wait until it is over.")
        self.play = Play(scenario, self.world, Acts(self.world))
        self._playing = asyncio.create_task(self.play.run())
