"""What would the same rules and flows do on a virtual clock."""
