"""The console command `past`: a file a group of commands; what a command runs is imported inside it."""
