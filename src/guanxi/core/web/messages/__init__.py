"""Messages from outside and to outside: mailboxes, what nobody is known for, writing from a record."""
