# shift.py is compiled as it stands: its values are texts, and there are no types to say.
