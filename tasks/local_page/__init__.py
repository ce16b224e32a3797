"""What the pages of this machine share: a server on its loopback address, behind a token."""
