"""What a disk may lack: locks, hard links, space."""
