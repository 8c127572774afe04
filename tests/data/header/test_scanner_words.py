"""Codes and names that scanners write into standard attributes which converters read: the vocabularies know them."""

import pytest
from pydicom.datadict import tag_for_keyword

from fivesafes.data.header.profile import Profile

WRITTEN = {
    "SoftwareVersions": (
        *("syngo MR B17", "syngo MR D13D", "syngo MR E11", "syngo MR XA30", "syngo MR XA60A", "syngo MR 2004A 4VB11D"),
        *("LX", "MR Software release:RX27.0_R02_1831.a", "MR29.1_EA_2039.g", "SIGNA_LX1.MR30.0_R01_2236.d"),
        *("MR Software release:DV24.0_R01_1344.a", "MR Software release:15.0_M4_0910.a", "5.6.1", "5.6.1.0"),
        *("V4.50*R023", "V6.0", "uMR_V10", "ParaVision 6.0.1"),
    ),
    "ManufacturerModelName": (
        *("TrioTim", "Prisma_fit", "MAGNETOM Terra.X", "MAGNETOM Cima.X", "Biograph_mMR", "Investigational_Device_7T"),
        *("DISCOVERY MR750", "SIGNA Premier", "SIGNA UHP", "SIGNA 7.0T", "SIGNA PET/MR", "Signa HDxt"),
        *("Achieva dStream", "Ingenia Elition X", "MR 7700", "Panorama HFO"),
        *(
            "MRT200SP5",
            "MRT200PP3",
            "Vantage Titan 3T",
            "Galan",
            "Orian",
            "uMR 790",
            "uPMR 790",
            "ECHELON_OVAL",
            "Swoop",
        ),
    ),
    "ImageType": (
        *(
            "ORIGINAL",
            "PRIMARY",
            "M",
            "ND",
            "NORM",
            "MOSAIC",
            "DIFFUSION",
            "FMRI",
            "RAPID",
            "MFSPLIT",
            "DIS2D",
            "DIS3D",
        ),
        *("M_FFE", "M_SE", "M_IR", "M_PCA", "P_FFE", "R_FFE", "I_FFE", "PHASE MAP", "VELOCITY MAP", "B0 MAP", "CPX"),
        *("TRACEW", "ADC", "FA", "TENSOR_B0", "SWI", "MNIP", "FIELDMAPHZ", "FLIP ANGLE MAP", "T1 MAP", "T2_STAR MAP"),
        *("VFRAME", "UNI", "INV1", "INV2", "ASL", "PERFUSION", "RELCBF", "CSAPARALLEL", "ADC_UNSPECIFIED"),
    ),
    "ScanOptions": (
        *("PFP", "PFF", "PER", "FS", "FC", "SAT1", "FAST_GEMS", "EDR_GEMS", "ACC_GEMS", "EPI_GEMS", "HYPERBAND_GEMS"),
        *("ARC_GEMS", "ASSET_GEMS", "FSL_GEMS", "FILTERED_GEMS", "MPH_GEMS", "UNRF_GEMS", "RAMP_IS", "DIFF_GEMS"),
    ),
    "SequenceName": (
        *("*epfid2d1_64", "*tfl3d1_16ns", "*spcir_242ns", "*fm2d2r", "*fl3d1_ns", "*swi3d1r", "*fldyn3d1", "*qfl3d1"),
        *("*ep_b0", "*tse2d1_15", "*tir2d1rr18", "*fisp3d1", "*me2d1r3", "epi_dwi", "gre_fsp_3d", "epi2d", "SEEPI"),
        *("FE3D", "FASE2D", "SSFP", "TFE", "FFE"),
    ),
    "ReceiveCoilName": (
        *("HeadMatrix", "HeadNeck_64", "32Ch_Head", "HE1-4", "8HRBRAIN", "48HP Head", "Nova32Ch", "GEM_HNU_24"),
        *("SENSE-Head-8", "MULTI COIL", "Q-BODY", "Atlas Head", "TxRx_Head", "1Tx_32Rx", "CP_HeadArray"),
    ),
}


@pytest.mark.parametrize("keyword", WRITTEN)
def test_what_scanners_write_stays(profile: Profile, keyword: str) -> None:
    """Forms of public scans and of converters' sources: versions and models decide how converters read the rest."""
    tag = tag_for_keyword(keyword)
    assert tag is not None
    clean = profile.rules[tag].clean
    assert clean is not None
    lost = [value for value in WRITTEN[keyword] if clean(value.encode("ascii")) != value.encode("ascii")]
    assert lost == []
