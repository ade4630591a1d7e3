"""Where orders come from: sellers, their channels, and the API keys of whoever may call."""
