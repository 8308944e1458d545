"""What STPath makes of slides in shards: masked examples, batches."""
