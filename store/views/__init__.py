"""What do the console's pages read? One statement for each question, each within somebody's Scope."""
