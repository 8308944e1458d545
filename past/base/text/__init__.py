"""Text that comes from others: JSON, YAML, tables and addresses."""
