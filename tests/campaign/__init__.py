"""Does the service lose, double or mistime a message when its processes and servers die?

Judged by the gateways' ledgers. How it is run and what is judged: docs/campaign.md.
"""
