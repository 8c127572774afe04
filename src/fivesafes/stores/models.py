"""The haven's tables.  Rows hold keyed pseudonyms, digests and sealed bytes; never a name, a UID or a path of a scan.

A row that names a participant uses the participant's keyed id; what that id means stands only in ``sealed_name``, which
opens with the participant's identity and is gone after withdrawal.  Every change of state is written in one
transaction with its event (``TrailEntry``).

Where a unique constraint begins with a foreign key, that key has no index of its own: the constraint's serves.
"""

from typing import ClassVar, Final

from django.db import models

ID: Final = 64
"""Characters of a keyed id or a digest in hexadecimal, at most."""


class Haven(models.Model):
    """The haven itself: one row.  ``origin`` names its trail in checkpoints."""

    id = models.CharField(primary_key=True, max_length=ID)
    origin = models.CharField(max_length=200)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        """Name it by its id."""
        return str(self.id)


class Custodian(models.Model):
    """Somebody who can open what is sealed: a name and an age recipient.  ``removed_at`` keeps the history."""

    name = models.CharField(max_length=100)
    recipient = models.CharField(max_length=200)
    kind = models.CharField(max_length=20)  # custodian | worker
    added_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        """No two in force under one name."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["name"], condition=models.Q(removed_at=None), name="custodian_once"),
        ]

    def __str__(self) -> str:
        """Name it."""
        return str(self.name)


class Project(models.Model):
    """One registered project.  ``form`` holds what its form says; its pseudonym key lies sealed in the keyring."""

    id = models.CharField(primary_key=True, max_length=ID)
    title = models.TextField()
    state = models.CharField(max_length=20, default="open")  # open | closed | disposed
    form = models.JSONField()
    form_digest = models.CharField(max_length=ID)
    recipient = models.CharField(max_length=200)  # of what is set aside before anybody knows whose it is
    retain_until = models.DateField(null=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    def __str__(self) -> str:
        """Name it by its id."""
        return str(self.id)


class Approval(models.Model):
    """An ethics committee's yes as it stood; the one in force has no ``replaced_at``."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="approvals")
    committee = models.TextField()
    number = models.TextField()
    valid_from = models.DateField()
    valid_until = models.DateField()
    recorded_at = models.DateTimeField()
    replaced_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        """Name it by its number."""
        return str(self.number)


class Membership(models.Model):
    """Who may work in a project, as what, and for how long; ``details`` holds agreement and training."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="memberships")
    name = models.TextField()
    account = models.TextField()
    role = models.CharField(max_length=30)
    valid_from = models.DateField(null=True)
    valid_until = models.DateField(null=True)
    details = models.JSONField(default=dict)
    recorded_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        """Name it by its role: people are named in the table, not in messages."""
        return f"{self.role} of {self.project_id}"


class Participant(models.Model):
    """One person in one project, by keyed id.  ``subject`` is the pseudonym that releases use, once it is known."""

    id = models.CharField(primary_key=True, max_length=ID)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="participants", db_index=False)
    subject = models.CharField(max_length=ID, null=True)  # noqa: DJ001 - not known yet is not the empty name
    recipient = models.CharField(max_length=200)
    sealed_name = models.BinaryField(null=True)
    state = models.CharField(max_length=20, default="active")  # active | withdrawing | withdrawn
    created_at = models.DateTimeField()

    class Meta:
        """Two people of a project never share a pseudonym."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "subject"], name="participant_subject_once"),
        ]

    def __str__(self) -> str:
        """Name it by its keyed id."""
        return str(self.id)


class Consent(models.Model):
    """What a participant agreed to, as recorded; a participant's newest holds.  ``details`` is the domain value."""

    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="consents")
    details = models.JSONField()
    evidence_digest = models.CharField(max_length=ID)
    valid_from = models.DateField()
    valid_until = models.DateField(null=True)
    withdrawn_on = models.DateField(null=True)
    recorded_at = models.DateTimeField()

    def __str__(self) -> str:
        """Name it by its participant's keyed id."""
        return f"consent of {self.participant_id}"


class Withdrawal(models.Model):
    """A withdrawal, from the request to the receipt.  ``kind`` says whether all goes or what may no longer be done.

    ``by`` is who entered it.
    """

    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="withdrawals")
    kind = models.CharField(max_length=30)
    by = models.TextField(default="")
    requested_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)
    receipt = models.JSONField(null=True)

    def __str__(self) -> str:
        """Name it by its participant's keyed id."""
        return f"withdrawal of {self.participant_id}"


class Series(models.Model):
    """One series as sealed.  ``sheet`` addresses the sealed facts about it; ``trail_n`` the event that told of it."""

    id = models.CharField(primary_key=True, max_length=ID)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="series", db_index=False)
    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="series")
    state = models.CharField(max_length=20)  # sealed | in-place | quarantined | shredded
    why = models.TextField(default="")
    digest = models.CharField(max_length=ID)
    sheet = models.BinaryField()  # 32 bytes for each sealed sheet
    files = models.PositiveIntegerField()
    bytes = models.PositiveBigIntegerField()
    received_at = models.DateTimeField()
    trail_n = models.PositiveBigIntegerField()

    class Meta:
        """Found by project and state."""

        indexes: ClassVar = [models.Index(fields=["project", "state"], name="series_by_state")]

    def __str__(self) -> str:
        """Name it by its keyed id."""
        return str(self.id)


class Instance(models.Model):
    """One original instance: its keyed digest is its address in the vault.  The largest table: one index, no more."""

    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="instances", db_index=False)
    number = models.PositiveIntegerField()
    address = models.BinaryField(max_length=32)
    uid = models.BinaryField(max_length=16)  # keyed digest of the SOPInstanceUID
    bytes = models.PositiveBigIntegerField()

    class Meta:
        """Each place of a series is taken once."""

        constraints: ClassVar = [models.UniqueConstraint(fields=["series", "number"], name="instance_once")]

    def __str__(self) -> str:
        """Name it by its place."""
        return f"{self.series_id}/{self.number}"


class Quarantined(models.Model):
    """A file that was set aside, sealed to its participant, or to the project when nobody knows whose it is."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="quarantined", db_index=False)
    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="quarantined", null=True)
    address = models.BinaryField(max_length=32)
    bytes = models.PositiveBigIntegerField()
    status = models.CharField(max_length=20)
    code = models.CharField(max_length=60)
    why = models.TextField()
    received_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)  # by a custodian; the row tells backups why its object is gone

    class Meta:
        """One row per content and project."""

        constraints: ClassVar = [models.UniqueConstraint(fields=["project", "address"], name="quarantined_once")]

    def __str__(self) -> str:
        """Name it by its reason."""
        return str(self.code)


class Step(models.Model):
    """One step of one series as it was last done: what went in, what came out, by which engine."""

    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="steps", db_index=False)
    name = models.CharField(max_length=40)
    status = models.CharField(max_length=20)
    input_digest = models.CharField(max_length=ID)
    output_digest = models.CharField(max_length=ID)
    engines = models.JSONField(default=dict)
    seconds = models.FloatField(null=True)
    done_at = models.DateTimeField()

    class Meta:
        """The last doing of a step is the one that counts; earlier ones are in the trail."""

        constraints: ClassVar = [models.UniqueConstraint(fields=["series", "name"], name="step_once")]

    def __str__(self) -> str:
        """Name it by series and step."""
        return f"{self.series_id} {self.name}"


class Evidence(models.Model):
    """What a step left to be judged: its kind, a digest, and the measured values."""

    step = models.ForeignKey(Step, on_delete=models.CASCADE, related_name="evidence")
    kind = models.CharField(max_length=40)
    digest = models.CharField(max_length=ID)
    details = models.JSONField(default=dict)

    def __str__(self) -> str:
        """Name it by its kind."""
        return str(self.kind)


class Finding(models.Model):
    """One finding of a judgement, about a project, a series or a release."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="findings")
    series = models.ForeignKey(Series, on_delete=models.CASCADE, null=True, related_name="findings")
    safe = models.CharField(max_length=20)
    code = models.CharField(max_length=100)
    gravity = models.CharField(max_length=10)
    why = models.TextField()
    fix = models.TextField(default="")
    source = models.TextField(default="")
    about = models.TextField(default="")  # a pseudonym or a relative output path
    found_at = models.DateTimeField()

    def __str__(self) -> str:
        """Name it by its code."""
        return str(self.code)


class Release(models.Model):
    """One release: digest of its manifest, where it went, who received it, and whether it was recalled."""

    id = models.CharField(primary_key=True, max_length=ID)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="releases")
    digest = models.CharField(max_length=ID)
    destination = models.TextField()
    recipients = models.JSONField(default=list)
    state = models.CharField(max_length=20)  # going | out | recalled
    part = models.TextField(default="")  # a folder beside the destination that may hold an unfinished copy
    compare = models.JSONField(default=list)  # ids of earlier releases that it must be compared with
    faces = models.BooleanField()  # an image in it left with its face
    public = models.BooleanField()  # it left for everybody
    released_at = models.DateTimeField()

    def __str__(self) -> str:
        """Name it by its id."""
        return str(self.id)


class ReleaseMember(models.Model):
    """That a release holds a participant."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="members", db_index=False)
    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="releases")

    class Meta:
        """Once each."""

        constraints: ClassVar = [models.UniqueConstraint(fields=["release", "participant"], name="member_once")]

    def __str__(self) -> str:
        """Name both."""
        return f"{self.participant_id} in {self.release_id}"


class Job(models.Model):
    """One piece of work, by ids only.  A lease that ends without a heartbeat gives it back.

    ``begun_at`` is empty while it is held and not begun; ``changed_at`` is when it entered its state or stage.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="jobs", db_index=False)
    kind = models.CharField(max_length=20)
    object = models.CharField(max_length=ID)  # the id of a series, participant or release
    state = models.CharField(max_length=20)  # queued | running | done | failed | quarantined | cancelled
    inputs = models.CharField(max_length=ID, default="")
    attempts = models.PositiveSmallIntegerField(default=0)  # how often it was begun
    deaths = models.PositiveSmallIntegerField(default=0)  # how often its worker died while it was at work on it
    worker = models.CharField(max_length=120, default="")
    stage = models.CharField(max_length=40, default="")
    begun_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)  # of a queued one: not to be tried again before
    why = models.TextField(default="")
    fix = models.TextField(default="")
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        """One job per object and kind; claimed in the order of creation."""

        constraints: ClassVar = [models.UniqueConstraint(fields=["project", "kind", "object"], name="job_once")]
        indexes: ClassVar = [models.Index(fields=["state", "id"], name="job_to_claim")]

    def __str__(self) -> str:
        """Name it by kind and object."""
        return f"{self.kind} {self.object}"


class TrailEntry(models.Model):
    """One event: its number from 0, its canonical JSON line without newline, and the line's SHA-256.  Append-only."""

    n = models.PositiveBigIntegerField(primary_key=True)
    line = models.TextField()
    digest = models.BinaryField(max_length=32)

    def __str__(self) -> str:
        """Name it by its number."""
        return str(self.n)


class TrailHead(models.Model):
    """Where the trail ends: its size, the last line's digest and the Merkle tree's frontier.  One row."""

    id = models.PositiveSmallIntegerField(primary_key=True)
    size = models.PositiveBigIntegerField()
    last = models.BinaryField(max_length=32)
    frontier = models.BinaryField()

    def __str__(self) -> str:
        """Name it by its size."""
        return str(self.size)


class Checkpoint(models.Model):
    """A signed statement of the trail's size and root; ``sent`` names each witness that has it, and when."""

    size = models.PositiveBigIntegerField(primary_key=True)
    note = models.TextField()
    made_at = models.DateTimeField()
    sent = models.JSONField(default=dict)

    def __str__(self) -> str:
        """Name it by its size."""
        return str(self.size)


class Cycle(models.Model):
    """One cycle of the setting audit: the report's digest, each control's state, and since when one is lacking."""

    at = models.DateTimeField()
    tier = models.CharField(max_length=4)
    digest = models.CharField(max_length=ID)
    states = models.JSONField(default=dict)
    lacking_since = models.DateTimeField(null=True)

    def __str__(self) -> str:
        """Name it by its time."""
        return f"{self.tier} at {self.at}"
