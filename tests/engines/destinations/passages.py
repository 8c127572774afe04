"""A passage that notes what it was told."""

from collections.abc import Callable, Mapping

from attrs import define, field


@define
class Stages:
    """Notes each stage with what ``look`` saw then; ``at`` says what happens at a stage."""

    look: Callable[[], object] = lambda: None
    at: Mapping[str, Callable[[], object]] = field(factory=dict)
    seen: list[tuple[str, object]] = field(factory=list)
    part: str = ""

    def begin(self, part: str) -> None:
        """Note it."""
        self.part = part
        self._stage("begin")

    def leave(self) -> None:
        """Note it."""
        self._stage("leave")

    def arrived(self) -> None:
        """Note it."""
        self._stage("arrived")

    def stopped(self) -> None:
        """Note it."""
        self._stage("stopped")

    def _stage(self, name: str) -> None:
        self.seen.append((name, self.look()))
        if name in self.at:
            self.at[name]()
