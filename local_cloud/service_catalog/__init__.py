"""Service Catalog with its provisioning side, for products of type EXTERNAL.

README.md in this directory lists what was chosen where AWS documents nothing.
"""
