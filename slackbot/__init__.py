"""ssat-bot: no customer who asked for a manager's contact is forgotten."""
