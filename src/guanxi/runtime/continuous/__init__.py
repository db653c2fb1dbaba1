"""The continuous archive: a base copy each day and the database's journal (WAL) since, from which any moment can be brought back.

``keeping`` is the process that fills it beside the embedded server, ``store`` the folder and what can be brought back from it,
``pieces`` the form of its files, ``returning`` the way back.
"""
