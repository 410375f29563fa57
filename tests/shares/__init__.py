"""Records of machines: written from reports, read from folders that strangers filled."""
