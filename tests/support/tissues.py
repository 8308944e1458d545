"""The tiny tissue that whole programs are tried on."""

SYNTHETIC = ("synthetic", "--patients", "3", "--cells", "40", "--px", "32")
