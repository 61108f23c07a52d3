"""The product: TapStack, and the templates that its versions were synthesized to."""
