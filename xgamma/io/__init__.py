"""Reading and writing reduced datasets."""
