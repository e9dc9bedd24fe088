"""Which processes run, and what wakes up when: the command line, the bell, the worker, the console's server."""
