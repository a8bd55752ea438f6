"""Widgets that tick cheaply."""
