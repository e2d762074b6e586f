"""A local Salesforce that is as strict as the real one: for demos, tests and rehearsals."""

from isthmus.playground.seed import SeedSizes
from isthmus.playground.server import Playground, connection_to, serve, start

__all__ = ["Playground", "SeedSizes", "connection_to", "serve", "start"]
