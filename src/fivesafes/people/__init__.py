"""SAFE PEOPLE: are these people who they say, and may they?"""
