"""From coregistered complex images to unwrapped interferograms on disk, pair by pair: ``qtp interferograms``.

::

    <folder>/20180106_20180118/20180106_20180118_unw_phase.tif   unwrapped phase, rad
                               20180106_20180118_corr.tif        coherence before the filter
                               20180106_20180118_wrapped_phase.tif   filtered
                               20180106_20180118_conncomp.tif    within a component cycles agree; 0 is not relied on
                               made.json                         what the pair was made of
    <folder>/data_catalog.yaml                                   a catalog that opens them

A pair's folder gets its name when all of it is on the disk: a run can be killed at any moment, and the same call goes
on with the pairs that are left. New dates add pairs, and leave the others as they are.
"""

from qtp_toolkit.slc_pairs._run import write_interferograms

__all__ = ["write_interferograms"]
