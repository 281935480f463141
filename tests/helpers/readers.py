"""stub"""
READ_BY = {}
