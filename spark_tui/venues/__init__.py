"""One adapter a venue behind one port."""
