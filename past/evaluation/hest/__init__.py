"""HEST-Bench: expression from frozen features, to the library's last digit."""
