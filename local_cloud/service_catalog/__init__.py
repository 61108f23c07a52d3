"""Service Catalog, with launches of products of type EXTERNAL. It uses none of moto's.

README.md in this directory lists our choices where AWS documents nothing.
"""
