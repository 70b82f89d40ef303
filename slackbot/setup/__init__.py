"""What an administrator does first: settings, the Slack app, the webhook."""
