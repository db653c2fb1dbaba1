"""The MCP face: tools by which an assistant reads and writes records, under the rights of the token's owner."""
