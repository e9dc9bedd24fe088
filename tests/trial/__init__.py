"""Does duban keep its promises through a year of crashes, lost bells, silent gateways and jumping clocks?

A trial runs the daemon's own clock, actors, commands and levers over a real SQL database, in one thread, on virtual
time, from one seed. Whatever goes wrong is drawn from that seed; whoever judges reads the gateways' ledger and the
facts, not duban's word. See docs/trial.md; `python -m tests.trial --help`.
"""
