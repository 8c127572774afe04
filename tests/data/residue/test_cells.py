"""Which tables of results disclose few people."""

import pytest

from fivesafes.data.residue.cells import find
from fivesafes.data.residue.delimited import read_table
from fivesafes.data.residue.place import Place


def kinds(text: str, path: str = "derivatives/tables/result.tsv") -> set[str]:
    """Give the kinds of the findings of medium severity or worse."""
    found = list(find(read_table(text.encode()), Place.at(path)))
    assert all(one.locator == "cells" for one in found)
    return {one.kind for one in found if one.severity.value not in ("info", "low")}


def test_cells_under_ten_are_found_by_their_margins() -> None:
    """Sums that agree show that the numbers count people."""
    assert kinds("dx\tA\tB\ttotal\nc\t24\t3\t27\np\t12\t15\t27\ntotal\t36\t18\t54\n") == {"small_cells"}
    assert kinds("dx\tA\tB\ttotal\nc\t24\t13\t37\np\t12\t15\t27\ntotal\t36\t28\t64\n") == set()


def test_cells_under_ten_are_found_by_the_name_of_the_column() -> None:
    """One group of two among others."""
    assert kinds("group\tn\tmean_iq\ncontrol\t24\t101\nHuntington\t2\t99\n") == {"small_cells"}
    assert kinds("group\tn\tmean_iq\ncontrol\t24\t101\npatient\t22\t99\n") == set()


@pytest.mark.parametrize("mark", ["<10", "*", "x", "suppressed"])
def test_one_suppressed_cell_beside_its_total_is_no_secret(mark: str) -> None:
    """A second one in its row and column protects it."""
    alone = f"dx\tA\tB\ttotal\nc\t24\t{mark}\t34\np\t12\t15\t27\ntotal\t36\t25\t61\n"
    assert "complementary_disclosure" in kinds(alone)
    twice = f"dx\tA\tB\ttotal\nc\t{mark}\t{mark}\t34\np\t{mark}\t{mark}\t27\ntotal\t36\t25\t61\n"
    assert kinds(twice) == set()


def test_extremes_and_dominance_are_found() -> None:
    """One person's value is told as minimum, maximum or nearly the whole."""
    assert kinds("group\tn\tmean\tmin\tmax\nc\t24\t33.1\t18\t87\np\t22\t36\t19\t84\n") == {"min_max"}
    assert "dominance" in kinds("site\tn\ttotal_cost\tlargest_cost\nA\t24\t1000\t950\nB\t22\t1200\t100\n")
    assert "dominance" in kinds("site,n,total,top1_share\nA,20,500,0.93\nB,30,400,0.2\n")


def test_residuals_of_a_model_are_rows_of_people() -> None:
    """Fitted value and residual give the observed value back."""
    assert kinds("row\tfitted\tresidual\n1\t2.3\t0.1\n2\t2.4\t0.2\n3\t2.2\t-0.1\n") == {"training_rows"}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("Cluster ID\tX\tPeak Stat\tCluster Size (mm3)\n1\t10\t5.5\t8\n", "derivatives/clusters.tsv"),
        ("onset\tn\tmin\n1\t2\t3\n", "sub-1/func/sub-1_events.tsv"),
        ("label\tn\tmean\tmax\nsub-001\t3\t2\t5\n", "derivatives/per_person.tsv"),
        ("index\tname\n1\tLeft\n2\tRight\n", "derivatives/dseg.tsv"),
        ("bids_name\tsnr\tn_voxels\tmax\tmean\nsub-001_T1w\t12\t5\t9\t3\n", "derivatives/qc.tsv"),
    ],
)
def test_tables_of_images_and_of_single_participants_are_left_alone(text: str, path: str) -> None:
    """Voxels are no people."""
    assert kinds(text, path) == set()
