"""The figures of the paper: what each shows there, and what agrees and differs in those of the synthetic scene."""

from __future__ import annotations

from typing import NamedTuple


class PaperFigure(NamedTuple):
    """One figure of Chen et al. (2022) and ours beside it."""

    title: str
    caption: str
    paper: str
    agrees: str
    """What the figure of the synthetic scene shows, too. The scene was made by the rules that the paper finds."""
    differs: str


FIGURES: dict[str, PaperFigure] = {
    "fig01": PaperFigure(
        "Figure 1: study area",
        "(a) Elevation, lakes, glaciers, faults, highway and stations; (b) permafrost map. The globe shows the place.",
        "Map with the Kunlun and Yushu-Fenghuoshan faults, the highway, stations and the 2001 earthquake; the place on "
        "the plateau over the permafrost map; photographs of three kinds of vegetation.",
        "Frame, faults, highway and stations lie where the paper has them; the epicenter is beyond the western edge.",
        "Terrain, lakes and permafrost are made up. No photographs; a globe in place of the map of the plateau.",
    ),
    "fig02": PaperFigure(
        "Figure 2: interferograms",
        "Perpendicular baseline of the acquisitions against time; pairs as lines, the reference image marked.",
        "466 interferograms, images every 24 and from 2017 every 12 days, 31 August 2018 as the common reference.",
        "As many pairs by the same three windows of temporal baselines; the same reference image.",
        "Baselines are random; pairs were dropped by a model of coherence, not by eye.",
    ),
    "fig03": PaperFigure(
        "Figure 3: the two maps",
        "(a) Linear rate and (b) seasonal amplitude in the line of sight, with regions and profiles.",
        "Rates from about -15 to 15 mm/yr with a pattern along latitude; amplitudes of 10 mm on average, up to 80 mm.",
        "The pattern across the Kunlun fault, rising lake shores, sinking basins, the sizes of the amplitudes.",
        "Fast uplift is rarer. Patches outside of the named lakes and basins are made up; pixels are 1 km, not 90 m.",
    ),
    "fig04": PaperFigure(
        "Figure 4: what controls the maps",
        "q of 15 factors for (a) rate and (b) amplitude; black marks: what 95 % of maps without a cause stay below.",
        "Latitude leads for the rate, slope and latitude for the amplitude; no significance is given.",
        "Latitude leads for the rate, slope for the amplitude.",
        "Latitude explains no more of the rate than chance allows, and most small bars say nothing: the paper has "
        "no such level. Latitude matters little for our amplitude, vegetation and elevation more.",
    ),
    "fig05": PaperFigure(
        "Figure 5a, b: amplitude, slope and aspect",
        "Amplitude by classes of (a) slope and (b) cosine of the aspect on slopes steeper than 5 degrees; 2 to 98 %.",
        "Decreases up to 5 degrees, level from 9 to 15, slightly larger again up to 30; northern slopes 2 mm above "
        "southern ones.",
        "The fall up to 5 degrees, the level part, and the northern slopes.",
        "Terrain of 1 km is smooth: beyond 14 degrees there are too few pixels, and the rise there cannot be seen.",
    ),
    "fig05c": PaperFigure(
        "Figure 5c: profile QQ'",
        "Median amplitude along QQ' with the quartiles of the pixels within 5 km, and elevation.",
        "Valleys and basins between ranges move more than the ranges.",
        "The same: the amplitude is high where the line crosses basins.",
        "One made-up line; the paper does not say how wide its profile is.",
    ),
    "fig06": PaperFigure(
        "Figure 6: amplitude, vegetation and soil",
        "Amplitude by classes of (a) NDVI, (b) bulk density, (c) density below and above NDVI 0.3.",
        "Falls with NDVI to 0.35, rises slightly beyond 0.4; falls by about 7 mm from 1250 to 1500 kg m-3, more so "
        "where NDVI is above 0.3.",
        "The fall with density, and bare ground that moves most.",
        "Vegetation does not change what density does here; the wide first box is the drained lake basin.",
    ),
    "fig07": PaperFigure(
        "Figure 7: across the Kunlun fault",
        "(a) Rate and (b) amplitude along PP', median and quartiles; the fault in red.",
        "The north moves away from the satellite, then a fast increase across the fault and a slow decrease to the "
        "south; the amplitude has no such step.",
        "All three.",
        "The motion after the earthquake is one smooth made-up curve.",
    ),
    "fig08": PaperFigure(
        "Figure 8: rate, ground ice and temperature",
        "Subsidence (positive) by (a) ground ice, (b) ground temperature, (c) both, south of the southern fault.",
        "About 2.5 mm/yr above 60 % ice, 0 below 20 %; 2.2 mm/yr more above -2 degC; with ice only in warm permafrost.",
        "Growth with ice and warmth, and hardly any in cold permafrost.",
        "The rule was built in. Where there is little ice the scene sinks by about 1 mm/yr, the paper's area hardly.",
    ),
    "fig09": PaperFigure(
        "Figure 9: rate and amplitude",
        "(a) Amplitude by classes of the rate; (b) rate by classes of the amplitude.",
        "Strong subsidence goes with strong seasons; the reverse does not hold.",
        "The first.",
        "The two boxes of rising ground in (a) are the drained basin; in (b) the strongest classes sink, too.",
    ),
    "fig10": PaperFigure(
        "Figure 10: Zonag and Yanhu lakes",
        "(a) Rate from a local reference, (b) amplitude over hillshade; (c), (d) series of P1 and P2 with the model.",
        "The drained basin rises by up to 10 mm/yr with amplitudes of 60 to 85 mm, the shores of Yanhu sink.",
        "Both, and series that follow the model, with residual uplift in late winter at P1.",
        "No optical image of polygons (e). Bars are the rms about the model, which the paper does not draw.",
    ),
    "fig11": PaperFigure(
        "Figure 11: Tanggula",
        "As Figure 10, for the basin that the highway crosses.",
        "Subsidence to 15 mm/yr and amplitudes to 45 mm in the basin, alike in pattern.",
        "The basin stands out in both maps, and the highway sinks.",
        "Smaller and rounder than a real basin.",
    ),
    "fig12": PaperFigure(
        "Figure 12: source of the Tuotuo river",
        "As Figure 10, for a flat basin with thermokarst lakes.",
        "Subsidence to 18 mm/yr, amplitudes to 40 mm; the model cannot follow years that differ.",
        "Flat ground sinks, slopes hardly; what single years do beyond their warmth is missed here, too.",
        "One round made-up basin.",
    ),
    "fig13": PaperFigure(
        "Figure 13: active layer thickness",
        "Amplitude against thickness as measured (circles) and calibrated by water content (squares, Eq. 8).",
        "With the water content R2 rises from 0.43 to 0.82, the error falls from 9 to 3 mm.",
        "The same direction.",
        "The stations obey the equation but for noise: with water the scores are better than the paper's, without it "
        "less is explained.",
    ),
    "figS1": PaperFigure(
        "Figure S1: uncertainty",
        "Standard deviation of (a) rate and (b) amplitude, with what ramps leave unknown.",
        "Mostly below 0.5 mm/yr and 5 mm.",
        "The amplitude's is below 5 mm.",
        "The rate's is mostly above 0.5 mm/yr: ours counts what differs between years and what ramps leave unknown, "
        "the paper's the residuals of the fit alone.",
    ),
    "figS2": PaperFigure(
        "Figure S2: amplitude and ground ice",
        "Amplitude by classes of the ice content of the upper 5 m.",
        "No obvious control.",
        "The medians of all classes are alike.",
        "Ice and water are drawn independently in the scene.",
    ),
    "figS3": PaperFigure(
        "Figure S3: rate, slope and aspect",
        "Rate by classes of (a) slope and (b) cosine of the aspect.",
        "No obvious control.",
        "Medians differ little.",
        "To 15 degrees only, as in Figure 5.",
    ),
}
"""Every figure of the paper by the name of its file."""
