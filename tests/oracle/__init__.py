"""What do the rules of supervision give for a record, reckoned a second time and in another way?

A differential test: `oracle.reckon` derives every notice, digest and matter from RULES.md, and shares no code with the
product. READINGS.md lists where the rules were ambiguous, and what was chosen.
"""
