"""Messages from outside: read from mailboxes and gateways, each once, filed on the record they belong to."""
