"""Floor 6: what an administrator shapes without code — dictionaries, fields, objects, layouts, processes — and its writers.

Reading is with the floors below (``records.shape``, ``records.dictionaries``, ``records.processrows`` …); here rows are
checked and changed, each with the right ``settings``, under a version, with a stamp.
"""
