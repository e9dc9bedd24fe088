"""What do people and other programs reach over HTTP: the console, the JSON API, webhooks."""
