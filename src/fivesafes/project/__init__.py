"""SAFE PROJECT: is this use appropriate, is the risk justified?"""
