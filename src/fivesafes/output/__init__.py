"""SAFE OUTPUT: can what leaves be linked back?"""
