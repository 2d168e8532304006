"""The figures of the paper: what each shows there, and what is made up in those of the synthetic scene."""

from __future__ import annotations

from typing import NamedTuple


class PaperFigure(NamedTuple):
    """One figure of Chen et al. (2022) and ours beside it."""

    title: str
    caption: str
    paper: str
    made: str
    """What is made up in the figure of the synthetic scene, or otherwise than in the paper, whatever its numbers."""


FIGURES: dict[str, PaperFigure] = {
    "fig01": PaperFigure(
        "Figure 1: study area",
        "(a) Elevation, lakes, glaciers, faults, highway and stations; (b) permafrost map. The globe shows the place.",
        "Map with the Kunlun and Yushu-Fenghuoshan faults, the highway, stations and the 2001 earthquake; the place"
        " on the plateau over the permafrost map; photographs of three kinds of vegetation.",
        "Terrain, lakes and permafrost; faults, highway and stations lie where the paper has them. No photographs; "
        "a globe in place of the map of the plateau.",
    ),
    "fig02": PaperFigure(
        "Figure 2: interferograms",
        "Perpendicular baseline of the acquisitions against time; pairs as lines, the reference image marked.",
        "466 interferograms, images every 24 and from 2017 every 12 days, 31 August 2018 as the common reference.",
        "Baselines are random; pairs were dropped by a model of coherence, not by eye.",
    ),
    "fig03": PaperFigure(
        "Figure 3: the two maps",
        "(a) Linear rate and (b) seasonal amplitude in the line of sight, with regions and profiles; the triangle "
        "is the reference.",
        "Rates from about -15 to 15 mm/yr with a pattern along latitude; amplitudes of 10 mm on average, up to 80 mm.",
        "Patches outside of the named lakes and basins.",
    ),
    "fig04": PaperFigure(
        "Figure 4: what controls the maps",
        "q of the factors for (a) rate and (b) amplitude; black marks: what 95 % of maps without a cause stay below.",
        "Latitude leads for the rate, slope and latitude for the amplitude; no significance is given.",
        "The map of amplitudes has no cause but those that were put in. The level of chance is ours: the paper has "
        "none.",
    ),
    "fig05": PaperFigure(
        "Figure 5a, b: amplitude, slope and aspect",
        "Amplitude by classes of (a) slope and (b) cosine of the aspect on slopes steeper than 5 degrees; 2 to 98 %.",
        "Decreases up to 5 degrees, level from 9 to 15, slightly larger again up to 30; northern slopes 2 mm above "
        "southern ones.",
        "Terrain is smoother than mountains are, so that steep slopes are few.",
    ),
    "fig05c": PaperFigure(
        "Figure 5c: profile QQ'",
        "Median amplitude along QQ' with the quartiles of the pixels within 5 km, and elevation.",
        "Valleys and basins between ranges move more than the ranges.",
        "The line is ours: the paper says neither its ends nor how wide it is.",
    ),
    "fig06": PaperFigure(
        "Figure 6: amplitude, vegetation and soil",
        "Amplitude by classes of (a) NDVI, (b) bulk density, (c) density below and above NDVI 0.3.",
        "Falls with NDVI to 0.35, rises slightly beyond 0.4; falls by about 7 mm from 1250 to 1500 kg m-3, more so "
        "where NDVI is above 0.3.",
        "Density acts alike under all vegetation. A wide first box of NDVI is the drained lake basin.",
    ),
    "fig07": PaperFigure(
        "Figure 7: across the Kunlun fault",
        "(a) Rate and (b) amplitude along PP', median and quartiles; the fault in red.",
        "The north moves away from the satellite, then a fast increase across the fault and a slow decrease to the "
        "south; the amplitude has no such step.",
        "The motion after the earthquake is one smooth curve.",
    ),
    "fig08": PaperFigure(
        "Figure 8: rate, ground ice and temperature",
        "Subsidence (positive) by (a) ground ice, (b) ground temperature, (c) both, south of the southern fault.",
        "About 2.5 mm/yr above 60 % ice, 0 below 20 %; 2.2 mm/yr more above -2 degC; with ice only in warm permafrost.",
        "The rule of ice and warmth was put in.",
    ),
    "fig09": PaperFigure(
        "Figure 9: rate and amplitude",
        "(a) Amplitude by classes of the rate; (b) rate by classes of the amplitude.",
        "Strong subsidence goes with strong seasons; the reverse does not hold.",
        "The boxes of rising ground in (a) are the drained basin.",
    ),
    "fig10": PaperFigure(
        "Figure 10: Zonag and Yanhu lakes",
        "(a) Rate from a local reference (triangle), (b) amplitude over hillshade; (c), (d) series of P1 and P2 "
        "with the model.",
        "The drained basin rises by up to 10 mm/yr with amplitudes of 60 to 85 mm, the shores of Yanhu sink.",
        "No optical image of polygons (e). Bars are the rms about the model, which the paper does not draw.",
    ),
    "fig11": PaperFigure(
        "Figure 11: Tanggula",
        "As Figure 10, for the basin that the highway crosses.",
        "Subsidence to 15 mm/yr and amplitudes to 45 mm in the basin, alike in pattern.",
        "The basin is smaller and rounder than a real one.",
    ),
    "fig12": PaperFigure(
        "Figure 12: source of the Tuotuo river",
        "As Figure 10, for a flat basin with thermokarst lakes.",
        "Subsidence to 18 mm/yr, amplitudes to 40 mm; the model cannot follow years that differ.",
        "One round basin. What single years do beyond their warmth is put in, and missed by the model, as in the "
        "paper.",
    ),
    "fig13": PaperFigure(
        "Figure 13: active layer thickness",
        "Amplitude against thickness as measured (circles) and calibrated by water content (squares, Eq. 8).",
        "With the water content R2 rises from 0.43 to 0.82, the error falls from 9 to 3 mm.",
        "The stations obey the equation but for noise.",
    ),
    "figS1": PaperFigure(
        "Figure S1: uncertainty",
        "Standard deviation of (a) rate and (b) amplitude, with what ramps leave unknown.",
        "Mostly below 0.5 mm/yr and 5 mm.",
        "Ours counts what differs between years and what ramps leave unknown, the paper's the residuals of the fit "
        "alone.",
    ),
    "figS2": PaperFigure(
        "Figure S2: amplitude and ground ice",
        "Amplitude by classes of the ice content of the upper 5 m.",
        "No obvious control.",
        "Ice and water are drawn independently.",
    ),
    "figS3": PaperFigure(
        "Figure S3: rate, slope and aspect",
        "Rate by classes of (a) slope and (b) cosine of the aspect.",
        "No obvious control.",
        "Slopes are as few as in Figure 5.",
    ),
}
"""Every figure of the paper by the name of its file."""
