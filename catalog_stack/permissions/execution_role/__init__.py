"""What CloudFormation may do for a TapStack: what its resource types need, on the names the product makes.

The actions are those that the resource types' schemas list under `handlers`, without those of features that
the product does not use; tests/privilege/exceptions.py lists what is left out and what is added, and why.
"""
