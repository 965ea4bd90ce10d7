//! Statistics: pure functions of numbers, who know nothing of metrics or runs. Each gives its source and its limits.
