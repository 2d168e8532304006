"""What a source sets is done or refused; what nobody measured is said; files know their wavelength better."""

from __future__ import annotations

import numpy as np
import producers
import pytest
import rasterio
import yaml
from producers import DAYS
from reader_cases import written
from small_files import refused, tif

from qtp_toolkit import load, store
from qtp_toolkit.catalog import open_catalog

URIS = {
    "hyp3": "S1*/*_unw_phase.tif",
    "licsar": "GEOC/*/*.geo.unw.tif",
    "gmtsar": "intf_all/*/unwrap_ll.grd",
    "isce2": "merged/interferograms/*/filt_fine.unw",
    "aria": "*.nc",
    "mintpy": "inputs/ifgramStack.h5",
    "licsbas": "GEOCml1/*/*.unw",
    "geotiff_stack": "*_unw.tif",
}
OPTIONAL = ("hyp3", "licsar", "gmtsar", "isce2")
GRAYS = ("*_corr.tif*", "*.geo.cc.tif", "corr_ll.grd", "*.cor*")


def source(folder, driver, settings=None, **parameters):
    if driver == "isce2":
        parameters |= {"geometry": "radar"}
    uri = {"phase": URIS[driver]} if driver == "geotiff_stack" else URIS[driver]
    row = {"kind": "ifg_stack", "driver": driver, "uri": uri, "provenance": "observed", "parameters": parameters}
    told = {"catalog_version": 1, "roots": ["."], "settings": settings or {}, "sources": {"stack": row}}
    (folder / "catalog.yaml").write_text(yaml.safe_dump(told))
    return open_catalog(folder / "catalog.yaml")["stack"]


def grays_of(folder, *days):
    found = {path for pattern in GRAYS for path in folder.rglob(pattern)}
    return sorted(path for path in found if all(day in str(path.relative_to(folder)) for day in days))


@pytest.mark.parametrize("driver", OPTIONAL)
def test_weights_that_nobody_measured_are_said(driver, tmp_path):
    """R08: of one pair, and of all, which then are estimated from nothing."""
    written(tmp_path, driver)
    first = "2018218" if driver == "gmtsar" else DAYS[0]
    second = "2018230" if driver == "gmtsar" else DAYS[1]
    whole = source(tmp_path, driver, coherence="optional")
    assert whole.attrs["pairs_without_coherence"] == 0
    gone = grays_of(tmp_path, first, second)
    assert gone
    for path in gone:
        path.unlink()
    one = source(tmp_path, driver, coherence="optional")
    assert one.attrs["pairs_without_coherence"] == 1
    assert one["coherence"].attrs.get("estimated_from") == whole["coherence"].attrs.get("estimated_from")
    for path in grays_of(tmp_path):
        path.unlink()
    none = source(tmp_path, driver, coherence="optional")
    assert none.attrs["pairs_without_coherence"] == 3
    assert "estimated_from" not in none["coherence"].attrs
    assert set(np.unique(none["coherence"].values[np.isfinite(none["coherence"].values)])) == {1.0}


def test_coherence_of_isce2_that_came_late_is_not_appended(tmp_path):
    """R08."""
    paths = written(tmp_path, "isce2")
    kept = {path: path.read_bytes() for path in grays_of(tmp_path, *DAYS[:2])}
    for path in kept:
        path.unlink()

    def stack(paths):
        return load.isce2(paths, geometry="geocoded", resolution=0.001, require_coherence=False)

    store.ingest(stack(paths[:2]), tmp_path / "store", block=8)
    for path, content in kept.items():
        path.write_bytes(content)
    refused(store.append, stack(paths), tmp_path / "store", code="R08")


def test_coherence_of_isce2_beside_unfiltered_phase_is_unfiltered(tmp_path):
    """I34: fine.cor is merged from the bursts, filt_fine.cor estimated after the filter."""
    paths = written(tmp_path, "isce2")
    for path in sorted(paths[0].parents[1].rglob("filt_fine*")):
        path.rename(path.with_name(path.name.removeprefix("filt_")))
    data = load.isce2([path.with_name("fine.unw") for path in paths], geometry="radar")
    assert data["coherence"].attrs["estimated_from"] == "unfiltered"


@pytest.mark.parametrize("driver", ["hyp3", "licsar"])
def test_no_coherence_is_read_where_none_is_asked_for(driver, tmp_path):
    written(tmp_path, driver)
    assert list(source(tmp_path, driver, coherence="none")) == ["phase"]


def test_what_is_said_of_the_coherence_of_hyp3_counts(tmp_path):
    paths = written(tmp_path, "hyp3")
    assert load.hyp3(paths)["coherence"].attrs["estimated_from"] == "unfiltered"
    assert load.hyp3(paths, coherence_from="filtered")["coherence"].attrs["estimated_from"] == "filtered"


def tell_wavelength(folder, driver, value=producers.WAVELENGTH):
    """Files of pairs, with their wavelength where it may be left out."""
    reader = {"geotiff_stack": "geotiff"}.get(driver, driver)
    paths = written(folder, reader)
    if driver == "gmtsar":
        (paths[0].parent / "S1_20180807.PRM").write_text(f"radar_wavelength = {value}\n")
    if driver in ("geotiff_stack", "hyp3", "licsar"):
        for path in paths:
            with rasterio.open(path, "r+") as file:
                file.update_tags(WAVELENGTH_METRES=str(value))


@pytest.mark.parametrize("driver", URIS)
def test_files_know_their_wavelength_better_than_the_settings(driver, tmp_path):
    """I15: the setting of a catalog serves the sources that tell none."""
    tell_wavelength(tmp_path, driver)
    coherence = {"coherence": "none"} if driver == "geotiff_stack" else {}
    data = source(tmp_path, driver, {"wavelength": 0.236}, **coherence)
    assert data.attrs["wavelength"] == pytest.approx(producers.WAVELENGTH, rel=1e-6)


@pytest.mark.parametrize("driver", ["geotiff_stack", "gmtsar", "isce2", "hyp3", "licsar"])
def test_two_wavelengths_of_one_source_are_refused(driver, tmp_path):
    """I15: a thousandth apart; rounded ones are one."""
    tell_wavelength(tmp_path, driver)
    coherence = {"coherence": "none"} if driver == "geotiff_stack" else {}
    same = source(tmp_path, driver, wavelength=0.0555, **coherence)
    assert same.attrs["wavelength"] == pytest.approx(producers.WAVELENGTH, rel=1e-6)
    message = refused(source, tmp_path, driver, wavelength=0.236, code="I15", **coherence)
    assert "Leave parameters.wavelength out" in message


def test_the_wavelength_of_the_settings_serves_files_without_one(tmp_path):
    for first, second in (DAYS[:2], DAYS[1:3]):
        tif(tmp_path / f"{first}_{second}_unw.tif", np.linspace(-9, 9, 48, dtype="f4").reshape(6, 8), **producers.UTM)
    settings = {"wavelength": 0.236}
    assert source(tmp_path, "geotiff_stack", settings, coherence="none").attrs["wavelength"] == 0.236
    own = source(tmp_path, "geotiff_stack", settings, coherence="none", wavelength=0.031)
    assert own.attrs["wavelength"] == 0.031


@pytest.mark.parametrize("driver", ["hyp3", "licsar"])
def test_producers_of_sentinel1_alone_take_no_other_wavelength_of_the_settings(driver, tmp_path):
    """I15: their files do not tell it, and it would be in every millimeter."""
    written(tmp_path, driver)
    assert source(tmp_path, driver, {"wavelength": 0.236}).attrs["wavelength"] == pytest.approx(0.05546576, rel=1e-6)
