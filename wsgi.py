"""What ``flask`` and the production server load."""

import sys

from clerk_sync.app import create_app
from clerk_sync.config import ConfigurationError

try:
    app = create_app()
except ConfigurationError as error:
    sys.stderr.write(f"{error}\n")
    sys.exit(2)
