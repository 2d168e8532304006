"""The one table of quantities: names, units, signs, physical ranges, usual fill values."""

from __future__ import annotations

from math import pi
from typing import NamedTuple

FRACTION = (0.0, 1.0)
SURFACE = (-95.0, 90.0)
"""Land surface temperatures from the coldest ice to the hottest desert, degC."""
USUAL_FILLS = (
    *(-32768.0, -32767.0, -28672.0, -9999.0, -99999.0, -999.0, -9999999.0),
    *(-999.9, -9999.9, 999.9, 9999.9),
    *(65535.0, 32767.0, 32766.0, 32744.0, 32700.0, 255.0, 6999.0, 9999.0, 99999.0, 999990.0, 999999.0),
)
"""What files write for "no data" without saying so."""


class Variable(NamedTuple):
    """One row of the variable table."""

    units: str
    long_name: str
    standard_name: str | None = None
    valid: tuple[float, float] | None = None
    """Smallest and largest value that nature allows; None: not checked."""
    fault: str = "M11"
    """Fault of docs/faults.md if a source leaves that range as a whole."""
    fills: tuple[float, ...] = USUAL_FILLS
    """Values that stand for "no data" in files that do not say so; they count as such only outside the range."""
    held: tuple[float, float] | None = None
    """Range to which readers hold files, where it is not ``valid``: functions accept what lies beyond. Where it is the
    wider one, as estimates are rounded, readers set what lies between the two to the limit of ``valid``; where it is
    the narrower one, what no file holds in the unit of the table is refused."""
    stored_fills: tuple[float, ...] = ()
    """Stored numbers that are no data in scaled files although their value lies inside the range."""
    period: float | None = None
    """Where the quantity is circular: what is added for a full turn."""

    @property
    def attrs(self) -> dict[str, str]:
        """Attributes of an array that holds this quantity."""
        named = {"units": self.units, "long_name": self.long_name, "standard_name": self.standard_name}
        return {key: value for key, value in named.items() if value is not None}


LOOKS = (
    *("terra_day", "terra_night", "aqua_day", "aqua_night"),
    *("snpp_day", "snpp_night", "noaa20_day", "noaa20_night"),
)
"""Surface temperatures of single passes: of MODIS on Terra and Aqua, of VIIRS on Suomi NPP and NOAA-20."""

VARIABLES: dict[str, Variable] = {
    # land surface temperature and seasons
    "lst": Variable("degC", "mean daily land surface temperature", "surface_temperature", held=SURFACE),
    "terra_day": Variable("degC", "Terra daytime land surface temperature", "surface_temperature", held=SURFACE),
    "terra_night": Variable("degC", "Terra night-time land surface temperature", "surface_temperature", held=SURFACE),
    "aqua_day": Variable("degC", "Aqua daytime land surface temperature", "surface_temperature", held=SURFACE),
    "aqua_night": Variable("degC", "Aqua night-time land surface temperature", "surface_temperature", held=SURFACE),
    "snpp_day": Variable("degC", "Suomi NPP daytime land surface temperature", "surface_temperature", held=SURFACE),
    "snpp_night": Variable(
        "degC", "Suomi NPP night-time land surface temperature", "surface_temperature", held=SURFACE
    ),
    "noaa20_day": Variable("degC", "NOAA-20 daytime land surface temperature", "surface_temperature", held=SURFACE),
    "noaa20_night": Variable(
        "degC", "NOAA-20 night-time land surface temperature", "surface_temperature", held=SURFACE
    ),
    "skin_temperature": Variable("degC", "skin temperature of the reanalysis", "surface_temperature", held=SURFACE),
    "qc": Variable("1", "MODIS quality control byte"),
    "qc_viirs": Variable("1", "VIIRS quality control byte"),
    "view_time": Variable("h", "local solar time of the view", valid=(0.0, 24.0)),
    "mandatory": Variable("1", "0 good, 1 other quality, 2 not produced (cloud), 3 not produced (other)"),
    "data_quality": Variable("1", "0 good, 1 other quality, 2 and 3 not assigned"),
    "emissivity_error": Variable("1", "upper bound of the emissivity error"),
    "lst_error": Variable("K", "upper bound of the temperature error"),
    "lst_std": Variable("K", "standard deviation that the bridge to another sensor adds"),
    "bridge_offset": Variable("K", "offset from the second series to the first, at 0 degC"),
    "bridge_slope": Variable("1", "slope from the second series to the first"),
    "bridge_center": Variable("degC", "mean of the second series over the common dates"),
    "bridge_mean_std": Variable("K", "standard deviation of the fitted line at its center"),
    "bridge_slope_std": Variable("1", "standard deviation of the slope"),
    "bridge_scatter": Variable("K", "robust scatter of the common dates about the line"),
    "bridge_common": Variable("1", "common dates"),
    "replaced": Variable("1", "number of replaced composites"),
    "max_gap": Variable("d", "longest time between kept composites"),
    "gap": Variable("1", "composites missing around a hidden value"),
    "thaw_onset": Variable("day of year", "thaw onset"),
    "freeze_onset": Variable("day of year", "freeze onset"),
    "thaw_onset_mean": Variable("day of year", "mean thaw onset"),
    "freeze_onset_mean": Variable("day of year", "mean freeze onset"),
    "thaw_onset_std": Variable("d", "interannual standard deviation of the thaw onset"),
    "freeze_onset_std": Variable("d", "interannual standard deviation of the freeze onset"),
    "years": Variable("1", "years that enter the mean onsets"),
    "crossings": Variable("1", "upward crossings in a year, at most"),
    "addt": Variable("degC d", "accumulated degree days of thaw"),
    "addf": Variable("degC d", "accumulated degree days of freeze"),
    "addt_end": Variable("degC d", "degree days of the whole thaw season"),
    "addf_end": Variable("degC d", "degree days of the whole freeze season"),
    "addt_max": Variable("degC d", "largest seasonal sum of degree days of thaw"),
    "addf_max": Variable("degC d", "largest seasonal sum of degree days of freeze"),
    "ddt": Variable("degC d", "annual degree days of thawing"),
    "ddf": Variable("degC d", "annual degree days of freezing"),
    "ddt_max": Variable("degC d", "maximum degree days of thawing"),
    "ddf_max": Variable("degC d", "maximum degree days of freezing"),
    "ddt_ddf_ratio": Variable("1", "ratio of thawing to freezing degree days"),
    "mean_annual_temperature": Variable("degC", "mean annual temperature"),
    "permafrost_year": Variable("1", "number of the permafrost year, from thaw onset to thaw onset"),
    # soil
    "bulk_density": Variable(
        "kg m-3", "soil bulk density", valid=(100.0, 2650.0), fault="S02", fills=(*USUAL_FILLS, 0.0)
    ),
    "sand": Variable("1", "sand mass fraction", valid=FRACTION, fault="S03"),
    "clay": Variable("1", "clay mass fraction", valid=FRACTION, fault="S03"),
    "quartz": Variable("1", "quartz fraction of the soil solids", valid=FRACTION, fault="S03"),
    "porosity": Variable("1", "soil porosity", valid=FRACTION, fault="S01"),
    "water_content": Variable("1", "volumetric water content of the active layer", valid=FRACTION, fault="S03"),
    "saturation": Variable("1", "degree of saturation", valid=FRACTION, fault="S04"),
    "conductivity_thawed": Variable("W m-1 K-1", "thermal conductivity of the thawed soil"),
    "conductivity_frozen": Variable("W m-1 K-1", "thermal conductivity of the frozen soil"),
    "conductivity_ratio": Variable("1", "ratio of frozen to thawed thermal conductivity"),
    "ratio_adjusted": Variable("1", "conductivity ratio adjusted to close the cycle"),
    "cycles_adjusted": Variable("1", "cycles whose conductivity ratio is adjusted"),
    "adjusted_ratio": Variable("1", "mean conductivity ratio of the adjusted cycles"),
    # interferograms
    "phase": Variable(
        "rad",
        "unwrapped interferometric phase",
        fault="I11",
        held=(-1000.0, 1000.0),
        stored_fills=(-32768.0, -9999.0),
    ),
    "wrapped_phase": Variable("rad", "wrapped interferometric phase", period=2 * pi),
    "coherence": Variable("1", "interferometric coherence", valid=FRACTION, fault="I04", held=(-0.01, 1.05)),
    "closure_phase": Variable("rad", "closure phase of the triplet"),
    "temporal_coherence": Variable("1", "temporal coherence of the network inversion"),
    "phase_std": Variable("rad", "standard deviation of the phase at the date"),
    "overruled": Variable("1", "number of pairs that the others overrule by more than half a cycle"),
    "last_step": Variable("rad", "largest change of a date by the last reweighting"),
    "groups": Variable("1", "number of groups of dates that valid pairs connect"),
    "redundancy": Variable("1", "number of valid pairs beyond those that the dates need"),
    "misfit": Variable("rad", "root-mean-square residual of the pair"),
    "overruled_share": Variable("1", "share of pixels where the pair is off by more than half a cycle"),
    "closure_errors": Variable("1", "number of triplets that do not close by whole cycles"),
    "closure_error_share": Variable("1", "share of the pair's triplets that do not close by whole cycles"),
    "layover_shadow": Variable("1", "1 shadow, 2 layover, 3 both"),
    "zenith_delay": Variable("m", "zenith delay of the troposphere", valid=(0.0, 3.5)),
    "tropospheric_phase": Variable("rad", "tropospheric delay phase in the line of sight"),
    "tidal_phase": Variable("rad", "phase of the solid earth tide in the line of sight"),
    "elevation_phase": Variable("rad", "phase that follows the elevation"),
    "elevation_slope": Variable("rad/km", "change of the phase with elevation"),
    "elevation_relief": Variable("km", "standard deviation of the elevation about a plane"),
    "dem_error": Variable("m", "elevation that the model lacks"),
    "dem_error_std": Variable("m", "standard deviation of the elevation that the model lacks"),
    "dem_error_phase": Variable("rad", "phase of the elevation that the model lacks"),
    "base_bias": Variable("rad", "phase bias of 12 days"),
    "bias_phase": Variable("rad", "phase bias of the pair"),
    "rate_difference": Variable("mm/yr", "linear rate from short pairs less that from all pairs"),
    "rate_difference_std": Variable("mm/yr", "standard deviation of the difference of the rates"),
    "amplitude_difference": Variable("mm", "amplitude of the season by which short pairs differ from all"),
    "amplitude_difference_std": Variable("mm", "standard deviation of the season by which short pairs differ"),
    "phase_variance": Variable("rad2", "variance of the phase about a plane"),
    "variance_ratio": Variable("1", "variance after over before the correction"),
    "valid_share": Variable("1", "share of the valid pixels that a correction covers", valid=FRACTION),
    "incidence": Variable("degree", "incidence angle", valid=(0.0, 90.0), fault="I11", held=(2.0, 90.0)),
    "perpendicular_baseline": Variable("m", "perpendicular baseline"),
    "temporal_baseline": Variable("d", "temporal baseline"),
    "look_east": Variable("1", "eastward part of the unit vector to the satellite", valid=(-1.0, 1.0)),
    "look_north": Variable("1", "northward part of the unit vector to the satellite", valid=(-1.0, 1.0)),
    "look_up": Variable("1", "upward part of the unit vector to the satellite", valid=(0.0, 1.0), fault="I11"),
    "ionospheric_phase": Variable("rad", "ionospheric delay phase in the line of sight"),
    "incidence_matrix": Variable("1", "incidence matrix of the network"),
    "pair_rank": Variable("1", "rank of the pair, 1 for the worst"),
    "ramp_offset": Variable("rad", "phase in the middle"),
    "ramp_x": Variable("rad", "ramp along x"),
    "ramp_y": Variable("rad", "ramp along y"),
    "rate_slope": Variable("mm/yr", "slope of the linear rate from the middle to the edge"),
    "rate_share": Variable("1", "share of the slope of the linear rate that is given back", valid=FRACTION),
    "rate_slope_std": Variable("mm/yr", "standard deviation of the slope of the linear rate"),
    "coefficient_slope": Variable("mm degC-0.5 d-0.5", "slope of the seasonal coefficient from the middle to the edge"),
    "coefficient_share": Variable("1", "share of the slope of the seasonal coefficient that is given back"),
    "coefficient_slope_std": Variable("mm degC-0.5 d-0.5", "standard deviation of the slope of the coefficient"),
    "seasonal_coefficient_std": Variable("mm degC-0.5 d-0.5", "standard deviation of the seasonal coefficient"),
    "ramp_waves": Variable("rad", "waves shorter than a ramp"),
    "ramp_leak": Variable("1", "ramp that waves of size 1 leave in the plane"),
    "reference_area": Variable("1", "reference area"),
    "interferogram": Variable("1", "complex interferogram"),
    "slc": Variable("1", "single-look complex image"),
    "component_cycles": Variable("1", "cycles to add to a component"),
    "component": Variable("1", "connected component of unwrapping"),
    "land": Variable("1", "land"),
    "reference_image": Variable("1", "complex reference"),
    "secondary_image": Variable("1", "complex secondary"),
    # deformation
    "displacement": Variable("mm", "line-of-sight displacement, positive toward the satellite"),
    "linear_index": Variable("1", "linear index L of the deformation model"),
    "composite_index": Variable("degC0.5 d0.5", "composite freeze-thaw index I"),
    "late_season_index": Variable("1", "late-season index H of the deformation model"),
    "linear_rate": Variable("mm/yr", "line-of-sight linear deformation rate"),
    "linear_rate_std": Variable("mm/yr", "standard deviation of the linear deformation rate"),
    "seasonal_amplitude": Variable("mm", "line-of-sight seasonal deformation amplitude, peak to trough"),
    "seasonal_amplitude_std": Variable("mm", "standard deviation of the seasonal deformation amplitude"),
    "amplitude_trend_std": Variable("mm/yr", "standard deviation of the trend of the amplitude"),
    "late_season_loss": Variable("mm", "late-season loss of one year, positive away from the satellite"),
    "late_season_loss_std": Variable("mm", "standard deviation of the late-season loss"),
    "loss_probability": Variable("1", "probability of a late-season loss", valid=FRACTION),
    "residual_correlation": Variable("1", "correlation of residuals of neighboring dates"),
    "signed_amplitude": Variable("mm", "seasonal amplitude less that of the reference, peak to trough"),
    "seasonal_coefficient": Variable("mm degC-0.5 d-0.5", "seasonal deformation coefficient"),
    "intercept": Variable("mm", "intercept of the deformation model"),
    "rms": Variable("mm", "root-mean-square residual of the deformation model"),
    "vertical_rate_std": Variable("mm/yr", "standard deviation of the vertical rate"),
    "east_rate_std": Variable("mm/yr", "standard deviation of the eastward rate"),
    "vertical_amplitude": Variable("mm", "vertical seasonal deformation amplitude, peak to trough"),
    "vertical_amplitude_std": Variable("mm", "standard deviation of the vertical seasonal amplitude"),
    "vertical_coefficient": Variable("mm degC-0.5 d-0.5", "vertical seasonal deformation coefficient"),
    "correlation_east_vertical": Variable("1", "correlation of the errors of east and vertical rate"),
    "correlation_east_amplitude": Variable("1", "correlation of the errors of east rate and amplitude"),
    "correlation_vertical_amplitude": Variable("1", "correlation of the errors of vertical rate and amplitude"),
    "north_into_vertical": Variable("1", "vertical rate that a northward rate of 1 mm/yr makes"),
    "north_into_east": Variable("1", "east rate that a northward rate of 1 mm/yr makes"),
    "east_into_vertical": Variable("1", "vertical rate that an eastward rate of 1 mm/yr makes"),
    "east_dilution": Variable("1", "sigma of east for a sigma of 1 in each line of sight"),
    "vertical_dilution": Variable("1", "sigma of vertical for a sigma of 1 in each line of sight"),
    "tracks": Variable("1", "number of tracks that see the pixel"),
    "track_rms": Variable("mm", "root-mean-square residual of the track"),
    "bic": Variable("1", "Bayesian information criterion, lower is better"),
    "cv_rms": Variable("mm", "root-mean-square residual of calendar years left out of the fit"),
    "best_bic": Variable("1", "number of the model with the lowest BIC, -1 for none"),
    "best_cv": Variable("1", "number of the model with the lowest cross-validated residual, -1 for none"),
    "bic_excess": Variable("1", "mean BIC above the best model of each pixel"),
    "reason": Variable("1", "reason code, 0 where valid"),
    "vertical_rate": Variable("mm/yr", "vertical linear rate, positive upward"),
    "east_rate": Variable("mm/yr", "rate of the horizontal motion to the east"),
    "north_rate": Variable("mm/yr", "rate of the horizontal motion to the north"),
    "vertical_displacement": Variable("mm", "vertical displacement, positive upward"),
    "yearly_amplitude": Variable("mm", "seasonal amplitude of the permafrost year, peak to trough"),
    "amplitude_trend": Variable("mm/yr", "change of the yearly amplitude from year to year"),
    "melt_year": Variable("1", "permafrost year of the late-season loss"),
    # environment
    "elevation": Variable("m", "elevation", "surface_altitude", valid=(-500.0, 9000.0)),
    "slope": Variable("degree", "terrain slope angle", held=(0.0, 90.0)),
    "aspect": Variable("degree", "downslope aspect, clockwise from north", held=(0.0, 360.0), period=360.0),
    "northness": Variable("1", "cosine of the aspect"),
    "profile_distance": Variable("m", "distance along the profile"),
    "longitude": Variable("degrees_east", "longitude", "longitude"),
    "latitude": Variable("degrees_north", "latitude", "latitude"),
    "magt": Variable("degC", "mean annual ground temperature", valid=(-40.0, 40.0)),
    "ndvi": Variable(
        "1",
        "normalized difference vegetation index",
        valid=(-1.0, 1.0),
        fills=(*USUAL_FILLS, -3000.0),
        stored_fills=(-3000.0,),
    ),
    "vegetation": Variable("1", "vegetation class"),
    "permafrost": Variable("1", "permafrost class"),
    "ground_ice": Variable("1", "volumetric ground ice content of the upper 5 m", valid=FRACTION, fault="S03"),
    "active_layer_thickness": Variable("m", "active layer thickness", held=(0.0, 30.0)),
    "mean_water_content": Variable(
        "1", "depth-weighted mean volumetric water content of the active layer", fault="S03", held=FRACTION
    ),
    "active_layer_thickness_std": Variable("m", "standard deviation of the active layer thickness"),
    "mean_water_content_std": Variable("1", "standard deviation of the mean water content"),
    "water_column": Variable("m", "water column of the active layer"),
    "water_column_std": Variable("m", "standard deviation of the water column"),
    "flag": Variable("1", "flags, as a sum of bits"),
    "alt_calibrated": Variable("m", "active layer thickness calibrated by water content"),
    "soil_temperature": Variable("degC", "soil temperature", held=(-60.0, 60.0)),
    "lake": Variable("1", "lake"),
    "glacier": Variable("1", "glacier"),
    # geographical detector
    "q": Variable("1", "q statistic of the geographical detector"),
    "p": Variable("1", "p value"),
    "n": Variable("1", "number of samples"),
    "dropped": Variable("1", "samples without value or without stratum"),
    "strata": Variable("1", "number of strata that hold samples"),
    "min_stratum": Variable("1", "samples of the smallest stratum"),
    "q_first": Variable("1", "q statistic of the first factor on the joint sample"),
    "q_second": Variable("1", "q statistic of the second factor on the joint sample"),
    "interaction": Variable("1", "kind of interaction of two factors"),
    "q_null": Variable("1", "mean q statistic of maps with the same spatial correlation"),
    "q_null_95": Variable("1", "chance level: 95th percentile of the q statistic of maps without a cause"),
    "q_best": Variable("1", "largest q statistic of all ways to divide the factor"),
    "q_adjusted": Variable("1", "q statistic beyond what the same search finds by chance"),
    "q_lower": Variable("1", "lower end of the interval of the q statistic"),
    "q_upper": Variable("1", "upper end of the interval of the q statistic"),
    "q_std": Variable("1", "standard error of the q statistic"),
    "q_spatial": Variable("1", "share of the differences between neighbors that lies between strata"),
    "blocks": Variable("1", "number of blocks that hold samples"),
    "association": Variable("1", "spatial association by SPADE"),
    "p_holm": Variable("1", "p value, Holm-corrected for all pairs"),
    "f_ratio": Variable("1", "ratio of the variances within strata"),
    "t": Variable("1", "Welch t statistic"),
    "degrees_of_freedom": Variable("1", "degrees of freedom"),
    "count": Variable("1", "number of values"),
    "along": Variable("m", "distance along the line"),
    "across": Variable("m", "distance from the line, positive to its left"),
}
