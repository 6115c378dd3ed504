"""Rendered scenes in which depth from one photo goes wrong, and the ray caster that renders them."""
