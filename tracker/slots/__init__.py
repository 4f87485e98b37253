"""Everything neural: RNN-EM in windows. The only part of the package that imports torch."""
