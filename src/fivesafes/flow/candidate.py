"""Builds the candidate: the data set as it would leave, from the series that passed their steps."""

import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from fivesafes.data.bids import dataset
from fivesafes.flow.record import ImageRecord, SeriesOutcome
from fivesafes.output.recode import Person, Recoding, told_age
from fivesafes.project.model import Project


def people_of(outcomes: Iterable[SeriesOutcome]) -> list[Person]:
    """Give each participant once, with the age and sex of the earliest series that tells them."""
    people: dict[str, Person] = {}
    for outcome in sorted(outcomes, key=lambda one: (one.subject, one.session or "", one.id)):
        before = people.get(outcome.subject, Person(label=outcome.subject, age=None, sex=None))
        people[outcome.subject] = Person(
            label=outcome.subject,
            age=before.age if before.age is not None else outcome.described.age,
            sex=before.sex or outcome.described.sex,
        )
    return [people[label] for label in sorted(people)]


def output_path(outcome: SeriesOutcome, image: ImageRecord, ending: str = ".nii.gz") -> PurePosixPath:
    """Say where an image's file stands in the data set."""
    return dataset.relative_path(outcome.subject, outcome.session, image.name, ending)


def build(
    candidate: Path,
    *,
    outcomes: Sequence[SeriesOutcome],
    finished: Path,
    project: Project,
    recoding: Recoding,
    made_by: Mapping[str, str],
    methods: Sequence[str],
) -> None:
    """Write the whole data set but its README and evidence; the folder must not exist yet.

    ``made_by``: program → version, in the order of work; ``methods``: how the data were de-identified, in words.
    """
    candidate.mkdir(parents=True)
    for outcome in outcomes:
        for image in outcome.images:
            for ending, name in image.files.items():
                _copy(finished / outcome.id / name, candidate / output_path(outcome, image, ending))
            if image.mask is not None:
                _place_mask(outcome, image, finished / outcome.id / image.mask, candidate)
    columns, rows = _participants(people_of(outcomes), recoding)
    description = dataset.dataset_description(
        title=project.title,
        licence=project.licence,
        made_by=made_by,
        further={
            "Authors": [project.investigator],
            "EthicsApprovals": [f"{project.approval.committee}, {project.approval.number}"],
        },
    )
    # BIDS has this field in sidecars; here it tells the reader of the whole data set at once.
    description["DeidentificationMethod"] = list(methods)
    _write(candidate / "dataset_description.json", dataset.as_json(description))
    _write(candidate / "participants.tsv", dataset.participants_tsv(rows, columns))
    _write(candidate / "participants.json", dataset.as_json(dataset.participants_json(columns)))
    for path, text in _scans(outcomes).items():
        _write(candidate / path, text)
    masks = dataset.derivative_description(title=project.title, licence=project.licence, made_by=made_by)
    _write(candidate / dataset.DERIVATIVES / "dataset_description.json", dataset.as_json(masks))


def _place_mask(outcome: SeriesOutcome, image: ImageRecord, mask: Path, candidate: Path) -> None:
    """Put the mask of what was removed among the derivatives: processing needs to know where zeros are no signal."""
    name = dataset.mask_name(image.name)
    target = dataset.DERIVATIVES / dataset.relative_path(outcome.subject, outcome.session, name, ".nii.gz")
    _copy(mask, candidate / target)
    sidecar = dataset.mask_sidecar(output_path(outcome, image))
    _write(candidate / target.with_name(target.name.replace(".nii.gz", ".json")), dataset.as_json(sidecar))


def _participants(people: Sequence[Person], recoding: Recoding) -> tuple[tuple[str, ...], list[dict[str, str]]]:
    """Tell of each participant what the recoding allows: columns and rows."""
    rows = []
    for person in people:
        row = {"participant_id": f"sub-{person.label}"}
        if recoding.age_width is not None:
            row["age" if recoding.age_width == 1 else "age_band"] = told_age(person.age, recoding.age_width)
        if recoding.sex:
            row["sex"] = person.sex or "n/a"
        rows.append(row)
    return ("participant_id", *recoding.columns), rows


def _scans(outcomes: Iterable[SeriesOutcome]) -> dict[PurePosixPath, str]:
    """List the images of each subject or session: names only, for a time tells more than it helps."""
    listed: dict[tuple[PurePosixPath, PurePosixPath], list[PurePosixPath]] = defaultdict(list)
    for outcome in outcomes:
        place = dataset.scans_path(outcome.subject, outcome.session)
        folder = dataset.subject_folder(outcome.subject, outcome.session)
        listed[place, folder] += [output_path(outcome, image) for image in outcome.images]
    return {
        place: dataset.scans_tsv([(path, None) for path in paths], subject_folder=folder)
        for (place, folder), paths in listed.items()
    }


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
