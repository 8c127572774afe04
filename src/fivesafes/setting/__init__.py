"""SAFE SETTING: does the place prevent misuse and mistakes?"""
