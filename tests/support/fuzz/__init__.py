"""A fuzzer over everything that travels: inputs that were changed at random, read under watch."""
