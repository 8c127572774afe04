"""Who writes into the trail, by which clock and under which policies."""

from attrs import frozen

from fivesafes.core.event import Clock, Event, Fact


@frozen(kw_only=True)
class Author:
    """The hand that writes events: a person's name or a program's, the clock, the digest of the policies in force."""

    name: str
    clock: Clock
    policy_digest: str

    def event(self, verb: str, about: str, outcome: str, *, project: str, purpose: str = "", **facts: Fact) -> Event:
        """Write one event of this moment."""
        return Event(
            when=self.clock(),
            actor=self.name,
            verb=verb,
            object=about,
            outcome=outcome,
            policy_digest=self.policy_digest,
            project=project,
            purpose=purpose,
            facts={**facts},
        )
