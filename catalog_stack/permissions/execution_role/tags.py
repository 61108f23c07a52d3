"""The tag on the resources of a TapStack, the conditions on it, and reasons for wildcards."""

# The engine tags every stack with it, and CloudFormation passes a stack's tags on to its resources.
TRACER_TAG = "tapstack:provisioned-product-id"
TAGGED_AS_OURS = {"StringLike": {f"aws:ResourceTag/{TRACER_TAG}": "pp-*"}}
BEING_TAGGED_AS_OURS = {"StringLike": {f"aws:RequestTag/{TRACER_TAG}": "pp-*"}}

TAGGED = "R16: a network of its own; EC2 gives random ids, so the engine's tag is the scope."
SUFFIXED = "R21: every name ends in the suffix, which only a launch knows."
READ = "R4: CloudFormation waits for what it makes; these only read, most without resource-level permissions."
