"""What a disk may lack (locks, hard links, space), and HDF5 files that are written on one all the same."""
