"""The socket that connectors plug into."""
