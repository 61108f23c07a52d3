"""CloudFormation as AWS documents it. It uses none of moto's."""
