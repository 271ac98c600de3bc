"""fastext: a drop-in, open replacement of the AWS AppConfig Agent Lambda extension.

Importing the package loads nothing else: what is loaded, and when, is decided by `boot`.
"""

__version__ = "0.1.0"
