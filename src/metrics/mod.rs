//! Kinds, tags, selectors, histograms, and snapshots that merge.
