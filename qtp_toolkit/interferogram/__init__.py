"""From single-look complex images to unwrapped interferograms (paper section 3.7).

The paper's interferograms come from ISCE; these are the same steps. The chain itself starts from unwrapped
interferograms; :func:`qtp_toolkit.slc_pairs.write_interferograms` makes them of whole stacks of images.
"""

from qtp_toolkit.interferogram._form import coherence, form, goldstein, multilook, simulate
from qtp_toolkit.interferogram._stack import effective_looks, form_stack
from qtp_toolkit.interferogram._unwrap import METHODS, unwrap, unwrap_components

__all__ = [
    "METHODS",
    "coherence",
    "effective_looks",
    "form",
    "form_stack",
    "goldstein",
    "multilook",
    "simulate",
    "unwrap",
    "unwrap_components",
]
