"""What the law gives a person whose data is kept here: to be found, to get a copy, to be forgotten.

Personal is what a field's class says (``schema.fields.Personal``), and the name of a record that is a person.
"""
