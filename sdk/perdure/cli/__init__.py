"""The command line: `perdure`. Results go to standard output, everything else to standard error."""
