"""What PAST makes of cells in shards: tokens, crops, batches."""
