"""What a version of the product is: TapStack, and the files it was synthesized to."""
