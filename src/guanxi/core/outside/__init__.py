"""What those outside the house may do: look up a number, answer questions, see their own records.

Everything shown is named in rows an administrator made (``PublicPage``, ``PortalView``); what is not named does not exist here.
"""
