"""A corpus of MR files with identifiers planted in every place that a header has, and the search for what is left."""
