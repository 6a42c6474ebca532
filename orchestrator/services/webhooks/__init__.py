"""The endpoints of a project's webhooks, and the secrets that sign for them."""
