"""The benchmarks behind the figures that the READMEs quote."""
