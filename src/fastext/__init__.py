"""fastext: a drop-in, open replacement of the AWS AppConfig Agent Lambda extension.

Importing the package loads nothing else: what is loaded, and when, is decided by `startup`.
"""

__version__ = "0.1.0"
