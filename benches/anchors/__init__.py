"""What fastext is held against, and the clients that time both."""
