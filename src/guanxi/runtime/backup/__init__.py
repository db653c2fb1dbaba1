"""Backups: one file that holds database, uploaded files and secret, checked as it is written, read and brought back.

``making`` writes one while Guanxi runs, ``restoring`` verifies one and brings it into an empty place, ``archive`` is the
file's form, ``sealing`` its encryption, ``rows`` the sums by which a restored database is compared with the original.
"""
