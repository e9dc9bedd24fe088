"""Pure decisions: workdays, duties, petitions, projects, ladders, digests. No SQL, no clock."""
