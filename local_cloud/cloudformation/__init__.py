"""A CloudFormation that behaves as documented, in place of moto's."""
