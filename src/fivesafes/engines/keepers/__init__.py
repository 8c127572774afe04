"""The keeper: a process of its own that alone holds the worker's key and opens originals for those who process them."""
