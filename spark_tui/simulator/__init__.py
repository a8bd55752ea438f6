"""An exchange on loopback. Imports no other room of this package: a mistake both sides shared would be invisible."""
