"""Sources: what video servers say, read into the kernel's events. One pure file a vendor."""
