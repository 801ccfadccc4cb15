"""First-party providers: one module per service, found through the entry points like anybody's."""
