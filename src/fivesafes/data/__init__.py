"""SAFE DATA: what in the data betrays a person?"""
