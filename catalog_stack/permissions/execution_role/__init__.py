"""What CloudFormation may do for a TapStack, in one file for each part of the product.

The actions are those that the resource types' schemas list under `handlers`, without those of features that
the product does not use. tests/privilege/exceptions.py lists what is left out and what is added, and why. The
resources are those whose names the product makes.
"""
