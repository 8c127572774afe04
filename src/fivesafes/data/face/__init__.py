"""Find the face in an image of the head, remove it, and measure on the written file whether it is gone.

``deface`` composes the rest: prepare → locate → zones → apply → verify; ``present`` asks of any image whether a face
is still in it; ``render`` draws both for a person to look at.  All coordinates are RAS millimetres.
"""
