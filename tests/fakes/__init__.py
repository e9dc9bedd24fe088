"""Who stands in for the outside world? Servers of ours with ledgers of their own, by which tests judge."""
