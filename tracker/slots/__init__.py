"""Everything neural: RNN-EM in windows. With `tracker.papers` the only part of the package that imports torch."""
